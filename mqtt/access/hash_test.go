package access

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// cheap is a hash that tests can afford.
func cheap(password string) string {
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The password of both is "password": the first is of another implementation,
// the reference one of Argon2 (RFC 9106's authors), the second of bcrypt's
// test vectors.
func TestForeignHashes(t *testing.T) {
	for _, c := range []struct{ hash, password string }{
		{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		{"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
	} {
		h, err := parseHash(c.hash)
		if err != nil {
			t.Errorf("%s: %v", c.hash, err)
			continue
		}
		if !h.verify([]byte(c.password)) || h.verify([]byte(c.password+"x")) || h.verify(nil) {
			t.Errorf("%s takes another password than %q", c.hash, c.password)
		}
	}
}

func TestOwnHash(t *testing.T) {
	h := newHash([]byte("secret"))
	if h.String() == newHash([]byte("secret")).String() {
		t.Error("two hashes of one password are alike")
	}
	again, err := parseHash(h.String())
	if err != nil || !again.verify([]byte("secret")) || again.verify([]byte("Secret")) || again.verify(nil) {
		t.Errorf("%s: %v", h, err)
	}
}

// TestHashErrors: nothing that costs without bound or that is no hash is
// taken, and no error shows what was found.
func TestHashErrors(t *testing.T) {
	good := "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	bad := map[string]string{
		"": "no hash", "secret": "no hash", "--": "no hash", "$1$x$y": "no hash", good + "$": "no hash", good + "=": "no hash",
		cheap("x") + "x": "no hash", strings.Replace(cheap("x"), "$04$", "$16$", 1): "cost 16, expected at most 15",
		strings.Replace(cheap("x"), "$04$", "$3$", 1): "no hash",
	}
	for _, c := range [][3]string{
		{"argon2id", "argon2i", "no hash"}, {"v=19", "v=16", "no hash"}, {"m=256", "m=0256", "no hash"}, {"m=256", "m=-1", "no hash"},
		{"m=256", "m=262145", "m=262145, expected at most m=262144"}, {"t=2", "t=17", "at most t=16"}, {"p=1", "p=17", "at most p=16"},
		{"p=1", "p=0", "no hash"}, {"m=256,t=2", "t=2,m=256", "no hash"}, {",p=1", "", "no hash"}, {"m=256", "m=99999999999", "no hash"},
		{"c29tZXNhbHQ", "c2FsdA", "no hash"}, {"c29tZXNhbHQ", strings.Repeat("c29t", 22), "no hash"}, {"m=256", "m=7", "no hash"},
		{"c29tZXNhbHQ", "c29tZXNhbHR", "no hash"},
	} {
		bad[strings.Replace(good, c[0], c[1], 1)] = c[2]
	}
	for text, want := range bad {
		h, err := parseHash(text)
		if err == nil || h != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "c29t") {
			t.Errorf("the error shows the hash: %v", err)
		}
	}
}
