package registry

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

// protected is an etcd with users, and the configuration of the right one.
func protected(t *testing.T, o etcdtest.Options) (*etcd, map[string]any) {
	t.Helper()
	e := start(t, o)
	if err := e.Protect("/p/c/"); err != nil {
		t.Fatal(err)
	}
	e.as(etcdtest.Root, etcdtest.RootPassword)
	return e, map[string]any{"username": etcdtest.User, "password": etcdtest.Password}
}

// A right to /p/c/ is all that a cluster needs, for everything that the plugin
// does; outside of it every call is AUTH and names no secret.
func TestRights(t *testing.T) {
	e, user := protected(t, etcdtest.Options{})
	p := e.plugin(1, user)
	register(t, p, 1, 3*time.Second)
	w := watching(t, p)
	w.snapshot("the entry", "n1@127.0.0.1")
	if got, err := p.Claim(t.Context(), "c", []byte("v")); err != nil || string(got) != "v" {
		t.Errorf("%q, %v", got, err)
	}
	e.del(key1)
	w.registration(discovery.Registered) // lost and restored
	if err := p.Deregister(t.Context(), self(1).NodeUID); err != nil || e.leases() != 0 {
		t.Errorf("%d leases, %v", e.leases(), err)
	}
	outside := e.of("other", 1, user)
	for what, call := range map[string]func(context.Context) error{
		"Discover": func(ctx context.Context) error { _, err := outside.Discover(ctx); return err },
		"Register": func(ctx context.Context) error { _, err := outside.Register(ctx, self(1), time.Hour); return err },
		"Claim":    func(ctx context.Context) error { _, err := outside.Claim(ctx, "other", []byte("v")); return err },
		"Unclaim":  func(ctx context.Context) error { _, err := outside.Unclaim(ctx, "other", []byte("v")); return err },
		"Watch": func(ctx context.Context) error {
			return outside.Watch(ctx, "", func(discovery.Event) error { return nil })
		},
	} {
		if err := call(t.Context()); discovery.ClassOf(err) != discovery.Auth || strings.Contains(err.Error(), etcdtest.Password) {
			t.Errorf("%s: %v", what, err)
		}
	}
	e.settles(0) // of refused calls
}

// Wrong and missing credentials are AUTH; once they are right at etcd the
// same plugin works.
func TestCredentials(t *testing.T) {
	e, user := protected(t, etcdtest.Options{})
	for what, conf := range map[string]map[string]any{
		"no user": nil, "wrong password": {"username": etcdtest.User, "password": "x"}, "unknown user": {"username": "x", "password": "x"},
	} {
		if _, err := e.plugin(1, conf).Discover(t.Context()); discovery.ClassOf(err) != discovery.Auth {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := e.plugin(1, map[string]any{"username": etcdtest.User, "password": "rotated"})
	if _, err := p.Discover(t.Context()); discovery.ClassOf(err) != discovery.Auth {
		t.Error(err)
	}
	q := e.plugin(2, user)
	register(t, q, 2, 3*time.Second)
	w := watching(t, q)
	w.snapshot("the entry", "n2@127.0.0.2")
	if _, err := e.c.UserChangePassword(t.Context(), etcdtest.User, "rotated"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Discover(t.Context()); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if _, err := q.Discover(t.Context()); discovery.ClassOf(err) != discovery.Auth {
		t.Errorf("with the old password: %v", err)
	}
	if _, err := e.c.UserChangePassword(t.Context(), etcdtest.User, etcdtest.Password); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Discover(t.Context()); err != nil {
		t.Errorf("with the right password again: %v", err)
	}
	e.awaits("/p/c/nodes/n2@127.0.0.2", "standing after it all", present)
}

// Credentials harm nothing where etcd asks for none.
func TestCredentialsThatNobodyAsksFor(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, map[string]any{"username": "u", "password": "p"})
	register(t, p, 1, time.Minute)
	if got := names(t, p); len(got) != 1 {
		t.Error(got)
	}
}

func TestTLS(t *testing.T) {
	c, err := etcdtest.Certificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, etcdtest.Options{TLS: c.Server(true)})
	ssl := func(more map[string]any) map[string]any {
		s := map[string]any{"cacertfile": c.CA, "certfile": c.ClientCert, "keyfile": c.ClientKey}
		for k, v := range more {
			s[k] = v
		}
		return map[string]any{"ssl": s}
	}
	for _, x := range []struct {
		what string
		conf map[string]any
		want discovery.Class
		text string // "|" separates what it may be: etcd's alert may be lost when it hangs up
	}{
		{"all as it should be", ssl(nil), discovery.NoClass, ""},
		{"http and enable", map[string]any{"server": strings.Replace(e.Endpoints()[0], "https", "http", 1),
			"ssl": ssl(map[string]any{"enable": true})["ssl"]}, discovery.NoClass, ""},
		{"by name", map[string]any{"server": strings.Replace(e.Endpoints()[0], "127.0.0.1", "localhost", 1), "ssl": ssl(nil)["ssl"]}, discovery.NoClass, ""},
		{"no client certificate", ssl(map[string]any{"certfile": "", "keyfile": ""}), discovery.Auth, "certificate required|broken pipe|reset|EOF"},
		{"a client certificate of another CA", ssl(map[string]any{"certfile": c.StrangerCert, "keyfile": c.StrangerKey}), discovery.Auth, "tls:|broken pipe|reset|EOF"},
		{"another CA", ssl(map[string]any{"cacertfile": c.StrangerCert}), discovery.BackendUnavailable, "x509"},
		{"the system's CAs", ssl(map[string]any{"cacertfile": ""}), discovery.BackendUnavailable, "x509"},
		{"no verification", ssl(map[string]any{"cacertfile": "", "verify": "none"}), discovery.NoClass, ""},
		{"no TLS", map[string]any{"server": strings.Replace(e.Endpoints()[0], "https", "http", 1)}, discovery.BackendUnavailable, ""},
	} {
		_, err := e.plugin(1, x.conf).Discover(t.Context())
		told, hungUp, may := strings.Cut(x.text, "|")
		switch {
		case discovery.ClassOf(err) == x.want && (err == nil || strings.Contains(err.Error(), told)):
		case may && discovery.ClassOf(err) == discovery.BackendUnavailable && containsAny(err, hungUp):
		default:
			t.Errorf("%s: %v", x.what, err)
		}
	}
}

func containsAny(err error, words string) bool {
	return slices.ContainsFunc(strings.Split(words, "|"), func(w string) bool { return strings.Contains(err.Error(), w) })
}

// With client certificates etcd takes the common name for the user.
func TestUserByCertificate(t *testing.T) {
	c, err := etcdtest.Certificates(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, etcdtest.Options{TLS: c.Server(true)})
	if err := e.Protect("/p/c/"); err != nil {
		t.Fatal(err)
	}
	ssl := map[string]any{"ssl": map[string]any{"cacertfile": c.CA, "certfile": c.ClientCert, "keyfile": c.ClientKey}}
	p := e.plugin(1, ssl)
	register(t, p, 1, time.Minute)
	if got := names(t, p); len(got) != 1 {
		t.Error(got)
	}
	if _, err := e.of("other", 1, ssl).Discover(t.Context()); discovery.ClassOf(err) != discovery.Auth {
		t.Error(err)
	}
}

// Where rights change while a session runs, clients of etcd see "old
// revision" for a moment; the plugin does not.
func TestRightsThatChange(t *testing.T) {
	e, user := protected(t, etcdtest.Options{})
	p := e.plugin(1, user)
	register(t, p, 1, 3*time.Second)
	for i := range 10 {
		role := string(rune('a' + i))
		if _, err := e.c.RoleAdd(t.Context(), role); err != nil {
			t.Fatal(err)
		}
		if _, err := e.c.RoleGrantPermission(t.Context(), role, "x", "y", clientv3.PermissionType(clientv3.PermRead)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Discover(t.Context()); err != nil {
			t.Errorf("change %d: %v", i, err)
		}
		if _, err := p.Claim(t.Context(), "c", []byte("v")); err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
}
