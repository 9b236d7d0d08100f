package access

import (
	"os"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

const (
	badCredentials = 0x86
	notAuthorized  = 0x87
	takenOver      = 0x8E
)

const usersConf = `
	authentication.users_file = "DIR/users"
	authorization { no_match = deny, rules = ["allow user alice"] }`

// TestLifeOfAUser: added, let in, given another password, removed; each counts
// from the next reload on, and the user who is connected meanwhile may do
// nothing any more.
func TestLifeOfAUser(t *testing.T) {
	s := start(t, usersConf, map[string]string{"users": "# nobody yet\n"})
	s.refused("c", "alice", "one", badCredentials)
	s.refused("c", "", "", notAuthorized)
	s.muster("one\n", "users", "add", s.path("users"), "alice", "--password-file", "-")
	s.reload(done)
	s.refused("c", "alice", "two", badCredentials)
	alice := s.connect("alice", "alice", "one")
	alice.passes("t")
	s.muster("two", "users", "passwd", s.path("users"), "alice", "--password-file", "-")
	s.reload(done)
	s.refused("c", "alice", "one", badCredentials)
	s.connect("again", "alice", "two").passes("u")
	alice.passes("v")
	s.muster("", "users", "remove", s.path("users"), "alice")
	s.reload(done)
	s.refused("c", "alice", "two", badCredentials)
	if pub, sub := alice.pub("v", "x"), alice.sub("w"); pub != notAuthorized || sub != notAuthorized {
		t.Errorf("a user who was removed may publish (0x%02x) and subscribe (0x%02x)", pub, sub)
	}
	if text := s.muster("", "users", "list", s.path("users")); strings.Contains(text, "alice") {
		t.Error(text)
	}
}

// TestUsersFileIsWatched: a change counts within seconds, without a signal.
func TestUsersFileIsWatched(t *testing.T) {
	s := start(t, usersConf, map[string]string{"users": ""})
	s.muster("one", "users", "add", s.path("users"), "alice", "--password-file", "-")
	s.until("the users file is read again", func() bool { return strings.Contains(s.Log(), done) })
	s.connect("alice", "alice", "one").passes("t")
}

// TestBrokenFiles: the old ones count on, and the log says where the new ones
// are wrong.
func TestBrokenFiles(t *testing.T) {
	s := start(t, `
		authentication.users_file = "DIR/users"
		authorization { no_match = deny, rules_file = "DIR/rules" }`,
		map[string]string{"users": "robot:-\n", "rules": "allow user alice publish a\n"})
	s.muster("one", "users", "add", s.path("users"), "alice", "--password-file", "-")
	s.reload(done)
	alice := s.connect("alice", "alice", "one")
	s.write("rules", "allow user alice publish a b\nallow alice\n")
	s.reload("rules:2: expected all, user NAME")
	if code := alice.pub("b", "x"); code != notAuthorized {
		t.Errorf("a rule of a broken file counts: 0x%02x", code)
	}
	s.write("users", "alice:secret\n")
	s.reload("users:1: found no hash that is known")
	s.connect("again", "alice", "one")
	s.write("rules", "allow user alice publish a b\n")
	s.reload("users:1: found no hash that is known")
	if code := alice.pub("b", "x"); code != 0 && code != 0x10 {
		t.Errorf("a good file does not count beside a broken one: 0x%02x", code)
	}
	if err := os.Chmod(s.path("rules"), 0o644); err != nil {
		t.Error(err)
	}
}

// TestStartRefusals: a node does not start on files that are wrong.
func TestStartRefusals(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"open": 0o644, "bad": 0o600} {
		text := "alice:secret"
		if name == "open" {
			text = "alice:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
		}
		if err := os.WriteFile(dir+"/"+name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+"/"+name, mode); err != nil {
			t.Fatal(err)
		}
	}
	for set, want := range map[string]string{
		"authentication.users_file=" + dir + "/none": dir + "/none: no such file",
		"authentication.users_file=" + dir + "/open": dir + "/open: mode 0644 lets others read the hashes",
		"authentication.users_file=" + dir + "/bad":  dir + "/bad:1: found no hash",
		`authorization.rules=["allow"]`:              "authorization.rules: rule 1: expected all",
	} {
		out, err := try("", "start", "--data-dir", dir+"/data", "--set", "node.cookie=abcdefghijklmnopqrstuvwxyz", "--set", "node.port=1", "--set", set)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v %s, want %s", set, err, out, want)
		}
	}
	out, err := try("", "config", "check", "--config-dir", t.TempDir(), "/dev/null")
	if err == nil {
		t.Error(out)
	}
}

// TestRules: in order, with the names of the client in them, whole filters.
func TestRules(t *testing.T) {
	s := start(t, `
		authentication.users_file = "DIR/users"
		authorization.no_match = deny
		authorization.rules = ["deny all subscribe eq #", "allow user bob all own/%u/# dev/%c/+", "allow user bob publish open", "allow ip 10.0.0.0/8"]
		listeners.tcp.waived { bind = "`+free(t)+`", allow_anonymous = on }`, map[string]string{"users": "x:-\n"})
	s.muster("pw", "users", "add", s.path("users"), "bob", "--password-file", "-")
	s.muster("pw", "users", "add", s.path("users"), "root", "--superuser", "--password-file", "-")
	s.reload(done)
	bob := s.connect("c1", "bob", "pw")
	bob.passes("own/bob/x")
	bob.passes("dev/c1/x")
	for asks, want := range map[string]byte{
		"pub own/root/x": notAuthorized, "pub dev/c2/x": notAuthorized, "pub dev/c1/x/y": notAuthorized, "pub own": notAuthorized, "pub open": 0,
		"sub #": notAuthorized, "sub own/#": notAuthorized, "sub own/+/x": notAuthorized, "sub open": notAuthorized, "sub own/bob/#": 1,
		"sub $share/g/own/bob/#": 1, "sub $share/g/#": notAuthorized, "sub dev/+/x": notAuthorized, "sub dev/c1/x": 1,
	} {
		kind, topic, _ := strings.Cut(asks, " ")
		var code byte
		if kind == "sub" {
			code = bob.sub(topic)
		} else if code = bob.pub(topic, "x"); code == 0x10 {
			code = 0 // nobody subscribes
		}
		if code != want {
			t.Errorf("%s: 0x%02x, want 0x%02x", asks, code, want)
		}
	}
	s.connect("c2", "root", "pw").passes("any/thing")
	if code := s.connect("+", "bob", "pw").sub("dev/+/x"); code != notAuthorized {
		t.Errorf("a client called + may subscribe to dev/+/x: 0x%02x", code)
	}
	text := s.metrics()
	for _, want := range []string{`mqtt_logins_total{reason="password"} 3`, `mqtt_access_denied_total{reason="publish"} 4`, `mqtt_access_denied_total{reason="subscribe"} 7`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// metrics is what the node counts.
func (s *site) metrics() string {
	s.t.Helper()
	return kit.Metrics(s.t, s.path("data"))
}
