package access

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file writes a file of mode 0600 in a new directory.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsersFile(t *testing.T) {
	u, err := loadUsers(file(t, "# who may come\r\n\n  # and why\nalice:"+cheap("one")+":superuser\r\nbob smith:"+cheap("two")+
		":disabled,superuser\nrobot:-\nzoë:"+cheap("drei")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"alice", "one", true}, {"alice", "two", false}, {"alice", "", false}, {"bob smith", "two", false},
		{"robot", "", false}, {"robot", "-", false}, {"zoë", "drei", true}, {"nobody", "one", false}, {"", "", false},
	} {
		if got := u.check(c.name, []byte(c.password)); got != c.want {
			t.Errorf("%s with %s: %v", c.name, c.password, got)
		}
	}
	if a := u.byName["alice"]; !a.superuser || a.disabled || a.line != 4 {
		t.Errorf("%+v", a)
	}
	if a := u.byName["bob smith"]; !a.superuser || !a.disabled {
		t.Errorf("%+v", a)
	}
}

func TestUsersErrors(t *testing.T) {
	h := cheap("x")
	for _, c := range []struct{ text, want string }{
		{"alice", ":1: expected name:hash or name:hash:flags"},
		{"# x\n\nalice:" + h + ":superuser:x", ":3: expected name:hash or name:hash:flags"},
		{":" + h, ":1: found an empty user name"},
		{" bob:" + h, ":1: found the user name \" bob\", expected one that neither begins with # nor begins or ends with a space"},
		{"bob:secret", ":1: found no hash that is known"},
		{"bob:" + h + ":admin", ":1: expected the flags superuser and disabled only, each once"},
		{"bob:" + h + ":superuser,superuser", ":1: expected the flags"},
		{"bob:" + h + ":", ":1: expected the flags"},
		{"bob:" + h + "\nbob:-", ":2: the user \"bob\" is in line 1 already"},
		{"bob\x00:-", ":1: found a control character"},
		{"ok:-\nb\xffb:-", ":2: found a byte that is not UTF-8"},
		{strings.Repeat("b", maxName+1) + ":-", ":1: found a user name of 1025 bytes"},
		{"#" + strings.Repeat("b", maxLine), ":1: a line of 8193 bytes"},
	} {
		path := file(t, c.text)
		_, err := loadUsers(path)
		var place *LineError
		if err == nil || !strings.HasPrefix(err.Error(), path+c.want) || !errors.As(err, &place) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestUsersFileIsClosedToOthers(t *testing.T) {
	path := file(t, "alice:"+cheap("x"))
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: ": mode 0640 lets others read the hashes, expected 0600 (chmod 600)", 0o604: ": mode 0604 lets"} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := loadUsers(path); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), path+want)) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := os.WriteFile(path, []byte("robot:-"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadUsers(path); err != nil {
		t.Errorf("a file without hashes: %v", err)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: "not a regular file", "/dev/zero": "not a regular file", filepath.Join(dir, "none"): "no such file"} {
		if _, err := loadUsers(path); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUnknownUserCostsTheSame: an unknown name is checked against the hash of
// a user, always the same one; all hashes serve.
func TestUnknownUserCostsTheSame(t *testing.T) {
	u, err := parseUsers("users", "a:"+cheap("x")+"\nb:"+newHash([]byte("x")).String()+"\nrobot:-")
	if err != nil {
		t.Fatal(err)
	}
	served := map[hash]int{}
	for _, name := range strings.Fields("q w e r t y u i o p s d f g h j k l z x c v n m robot") {
		h := u.decoy(name)
		if same := u.decoy(name); keyOf(h) != keyOf(same) {
			t.Errorf("%s has two decoys", name)
		}
		served[keyOf(h)]++
	}
	if len(served) != 2 {
		t.Errorf("%d of 2 hashes serve as decoys", len(served))
	}
	if empty, _ := parseUsers("users", "robot:-"); keyOf(empty.decoy("x")) != keyOf(lonely) {
		t.Error("without hashes nothing is checked")
	}
}

func keyOf(h hash) hash {
	if a, ok := h.(argonHash); ok {
		return bcryptHash(a.String())
	}
	return h
}

// TestUnknownUserTakesAsLong measures what the test above derives, coarsely:
// what would be wrong is a factor of thousands.
func TestUnknownUserTakesAsLong(t *testing.T) {
	u, err := parseUsers("users", "alice:"+newHash([]byte("x")).String())
	if err != nil {
		t.Fatal(err)
	}
	took := func(name string) time.Duration {
		least := time.Hour
		for range 3 {
			begin := time.Now()
			u.check(name, []byte("wrong"))
			least = min(least, time.Since(begin))
		}
		return least
	}
	if known, unknown := took("alice"), took("nobody"); unknown < known/10 || known < unknown/10 {
		t.Errorf("a wrong password takes %v, an unknown user %v", known, unknown)
	}
}

func FuzzUsers(f *testing.F) {
	f.Add("alice:-\nbob:" + cheap("x") + ":superuser,disabled\n# x\r\n\n")
	f.Add("a:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseUsers("users", text)
		if err != nil {
			var place *LineError
			if !errors.As(err, &place) || place.Line < 1 {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		for name, a := range u.byName {
			line := strings.Split(text, "\n")[a.line-1]
			if !strings.HasPrefix(line, name+":") || checkName(name) != nil {
				t.Fatalf("%q came from %q", name, line)
			}
		}
	})
}

// secret is a file as Kubernetes mounts one.
type secret struct {
	fs.FileInfo
	owner uint32
	mode  fs.FileMode
}

func (s secret) Mode() fs.FileMode { return s.mode }
func (s secret) Sys() any          { return &syscall.Stat_t{Uid: s.owner} }

// Root's file may be open to the group of a process that is not root, and to
// nobody else.
func TestModeOfASecret(t *testing.T) {
	for _, x := range []struct {
		owner      uint32
		self       int
		mode, want fs.FileMode
	}{
		{0, 1000, 0o440, 0o400}, {0, 1000, 0o640, 0o600}, {0, 1000, 0o644, 0o604}, {0, 1000, 0o660, 0o620},
		{0, 0, 0o440, 0o440}, {1000, 1000, 0o440, 0o440}, {7, 1000, 0o440, 0o440},
	} {
		if got := closed(secret{owner: x.owner, mode: x.mode}, x.self); got != x.want {
			t.Errorf("%04o of %d for %d counts as %04o, not %04o", x.mode, x.owner, x.self, got, x.want)
		}
	}
}
