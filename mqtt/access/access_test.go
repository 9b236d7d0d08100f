package access

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/mqtt"
)

var listeners = map[string]Listener{
	"local": {Loopback: true}, "open": {AllowAnonymous: true}, "far": {}, "tls": {Certified: true},
}

func mustNew(t *testing.T, o Options) *Access {
	t.Helper()
	if o.Listeners == nil {
		o.Listeners = listeners
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// login tries to log in: listener, user, password; "-" is none.
func login(a *Access, listener, user, password, cert string) mqtt.Verdict {
	l := mqtt.Login{ClientID: "c1", Listener: listener, CertName: cert, Remote: netip.MustParseAddrPort("10.0.0.1:5")}
	if user != "-" {
		l.Username = &user
	}
	if password != "-" {
		l.Password = []byte(password)
	}
	return a.Authenticate(context.Background(), l)
}

// TestLogins: who gets in, with a users file and without one.
func TestLogins(t *testing.T) {
	path := file(t, "alice:"+cheap("one")+"\nbob:"+cheap("two")+":disabled\nrobot:-\n")
	with, without := mustNew(t, Options{UsersFile: path}), mustNew(t, Options{})
	in, wrong, not := mqtt.Verdict{Allow: true}, mqtt.Verdict{Reason: badCredentials}, mqtt.Verdict{Reason: notAuthorized}
	for _, c := range []struct {
		listener, user, password, cert string
		with, without                  mqtt.Verdict
	}{
		{"local", "-", "-", "", not, in},
		{"far", "-", "-", "", not, not},
		{"open", "-", "-", "", in, in},
		{"tls", "-", "-", "", not, in},
		{"unknown", "-", "-", "", not, not},
		{"far", "alice", "one", "", in, not},
		{"far", "alice", "two", "", wrong, not},
		{"far", "alice", "-", "", wrong, not},
		{"far", "alice", "", "", wrong, not},
		{"open", "alice", "two", "", wrong, in},
		{"far", "bob", "two", "", wrong, not},
		{"far", "robot", "", "", wrong, not},
		{"far", "nobody", "one", "", wrong, not},
		{"far", "", "one", "", not, not},
		{"far", "-", "one", "", not, not},
		{"open", "", "", "", in, in},
		{"far", "-", "-", "robot", mqtt.Verdict{Allow: true, Username: "robot"}, mqtt.Verdict{Allow: true, Username: "robot"}},
		{"far", "alice", "two", "robot", mqtt.Verdict{Allow: true, Username: "robot"}, mqtt.Verdict{Allow: true, Username: "robot"}},
		{"far", "-", "-", "bob", wrong, mqtt.Verdict{Allow: true, Username: "bob"}},
	} {
		if got := login(with, c.listener, c.user, c.password, c.cert); got != c.with {
			t.Errorf("%+v with a users file: %+v", c, got)
		}
		if got := login(without, c.listener, c.user, c.password, c.cert); got != c.without {
			t.Errorf("%+v without one: %+v", c, got)
		}
	}
}

func may(a *Access, listener, user, cert, asks string) bool {
	who := &mqtt.Identity{ClientID: "c1", Username: user, Listener: listener, CertName: cert, Remote: netip.MustParseAddrPort("[::ffff:10.0.0.1]:5")}
	kind, topic, _ := strings.Cut(asks, " ")
	return a.Authorize(who, mqtt.Access{Publish: kind == "pub", Topic: topic})
}

// TestNoMatch: default deny off loopback, allow on it; a waiver lets anybody do
// anything only while there is no rule.
func TestNoMatch(t *testing.T) {
	path := file(t, "alice:-\nroot:-:superuser\n")
	some := []string{"allow all publish yes"}
	for _, c := range []struct {
		o                    Options
		listener, user, asks string
		want                 bool
	}{
		{Options{}, "local", "", "pub no", true},
		{Options{}, "open", "", "pub no", true},
		{Options{}, "tls", "", "pub no", false},
		{Options{}, "far", "", "pub no", false},
		{Options{Rules: some}, "local", "", "pub no", true},
		{Options{Rules: some}, "open", "", "pub no", false},
		{Options{Rules: some}, "open", "", "pub yes", true},
		{Options{Rules: some}, "open", "", "sub yes", false},
		{Options{UsersFile: path}, "far", "alice", "pub no", false},
		{Options{UsersFile: path}, "far", "root", "pub no", true},
		{Options{UsersFile: path}, "local", "alice", "pub no", true},
		{Options{UsersFile: path, NoMatch: Allow}, "far", "alice", "pub no", true},
		{Options{UsersFile: path, NoMatch: Deny}, "local", "alice", "pub no", false},
		{Options{UsersFile: path, NoMatch: Deny}, "local", "root", "pub no", true},
		{Options{UsersFile: path, NoMatch: Allow}, "far", "stranger", "pub no", false},
		{Options{UsersFile: path, NoMatch: Allow}, "far", "", "pub no", false},
		{Options{UsersFile: path, NoMatch: Allow}, "open", "", "pub no", true},
		// Without a users file a name is only said, and rules do not believe it.
		{Options{Rules: []string{"allow user alice"}}, "open", "alice", "pub no", false},
		{Options{Rules: []string{"allow all all own/%u/#"}}, "open", "alice", "pub own/alice/x", false},
		{Options{Rules: []string{"allow ip 10.0.0.0/8"}}, "open", "", "pub no", true},
	} {
		if got := may(mustNew(t, c.o), c.listener, c.user, "", c.asks); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	certain := mustNew(t, Options{UsersFile: path, Rules: []string{"allow user robot publish own/%u"}})
	if !may(certain, "far", "robot", "robot", "pub own/robot") || may(certain, "far", "robot", "robot", "pub x") || !may(certain, "far", "root", "root", "pub x") {
		t.Error("a name from a certificate does not count")
	}
}

// TestReload: a user who is gone may do nothing from then on; what is broken
// stays as it was, and the rest is taken.
func TestReload(t *testing.T) {
	users, rules := file(t, "alice:"+cheap("x")+"\nbob:"+cheap("x")), file(t, "allow all publish a")
	o := Options{UsersFile: users, RulesFile: rules, Listeners: listeners}
	a := mustNew(t, o)
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string, logins, publishA, publishB bool) {
		t.Helper()
		err := a.Reload(o)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		if admitted := a.Admits(&mqtt.Identity{Username: "alice", Listener: "far"}); admitted != logins {
			t.Errorf("a client that has logged in is admitted: %v", admitted)
		}
		got := [3]bool{login(a, "far", "alice", "x", "").Allow, may(a, "far", "alice", "", "pub a"), may(a, "far", "alice", "", "pub b")}
		if got != [3]bool{logins, publishA, publishB} {
			t.Errorf("%v, want %v %v %v", got, logins, publishA, publishB)
		}
	}
	expect("", true, true, false)
	write(rules, "allow all publish b")
	expect("", true, false, true)
	write(rules, "allow everybody")
	expect("rules file "+rules+":1: expected all", true, false, true)
	write(users, "bob:-")
	expect(":1: expected all", false, false, false)
	write(users, "alice:"+cheap("x"))
	write(rules, "")
	expect("", true, false, false)
	write(users, "alice")
	o.Rules = []string{"allow all publish a"}
	expect("users file "+users+":1: expected name:hash", true, true, false)
	o.Rules = []string{"allow all", "allow"}
	expect("rule 2: expected all", true, true, false)
	if err := os.Remove(users); err != nil {
		t.Fatal(err)
	}
	expect("no such file", true, true, false)
	o.UsersFile, o.Rules = "", nil
	expect("", false, false, false) // nobody gets in unless a listener says so
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	for want, o := range map[string]Options{
		"users file /none/users: no such file": {UsersFile: "/none/users"},
		"rules file /none/rules: no such file": {RulesFile: "/none/rules"},
		"rule 2: expected a rule":              {Rules: []string{"allow all", "x"}},
		"rule 1: found a control character":    {Rules: []string{"allow all publish a\n"}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCounters(t *testing.T) {
	a := mustNew(t, Options{UsersFile: file(t, "alice:"+cheap("x")+"\nbob:"+cheap("x")+":disabled")})
	login(a, "far", "alice", "x", "")
	login(a, "far", "alice", "y", "")
	login(a, "far", "bob", "x", "")
	login(a, "far", "-", "-", "")
	login(a, "open", "-", "-", "")
	login(a, "tls", "-", "-", "robot")
	may(a, "far", "alice", "", "pub a")
	may(a, "far", "alice", "", "sub a")
	_ = a.Reload(Options{UsersFile: "/none"})
	_ = a.Reload(Options{})
	late, stop := context.WithCancel(t.Context())
	stop()
	name := "alice"
	b := mustNew(t, Options{UsersFile: file(t, "alice:"+cheap("x"))})
	b.Authenticate(late, mqtt.Login{Username: &name, Password: []byte("x")})
	for _, c := range slices.Concat(a.Counters(), b.Counters()[refusedLate:refusedLate+1]) {
		if want := uint64(1); c.Value != want && (c.Reason != "too_late" || c.Value != 0) {
			t.Errorf("%+v", c)
		}
	}
	if b.Counters()[refusedLate].Value != 1 {
		t.Error("a login whose time was over was not counted")
	}
}

// TestReloadUnderLoad is for the race detector.
func TestReloadUnderLoad(t *testing.T) {
	path := file(t, "alice:"+cheap("x")+":superuser")
	o := Options{UsersFile: path, Rules: []string{"allow user alice"}, Listeners: listeners}
	a := mustNew(t, o)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if !login(a, "far", "alice", "x", "").Allow || !may(a, "far", "alice", "", "pub a") {
					t.Error("refused")
				}
			}
		})
		all.Go(func() {
			for range 20 {
				if err := a.Reload(o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
