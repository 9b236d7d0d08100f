package clauses

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAccess holds what a client hears that may not do what it asks for.
func TestAccess(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users")
	for _, name := range []string{"reader", "writer"} {
		addUser(t, users, name)
	}
	n := alone(t, fmt.Sprintf(`authentication.users_file = "%s"
		authorization { no_match = allow, rules = ["allow user reader subscribe secret/#", "deny all all secret/#"] }`, users))
	actOn(t, n, cast{both, []scene{
		{"connect-not-allowed", connectNotAllowed},
		{"publish-not-allowed", publishNotAllowed},
		{"subscribe-not-allowed", subscribeNotAllowed},
		{"will-not-allowed", willNotAllowed},
	}})
}

const password = "a password of some length"

// addUser adds a user to a users file with the command for it.
func addUser(t *testing.T, file, name string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "users", "add", file, name, "--password-file", secret).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func user(name, pass string) option {
	return func(c *connect) { c.user, c.pass = &name, &pass }
}

func connectNotAllowed(p *play) {
	for name, o := range map[string]option{"wrong password": user("reader", "no"), "unknown user": user("nobody", password), "empty password": user("reader", ""),
		"another case": user("Reader", password)} {
		x := p.ask("x", o)
		got := x.want(connackType)
		if p.v == v3 && !slices.Contains([]byte{4, 5}, got.reason) || p.v == v5 && !slices.Contains([]byte{0x86, 0x87}, got.reason) {
			p.Errorf("%s: got %s", name, got)
		}
		x.closed()
	}
	p.join("x", user("reader", password)).nothing()
}

// publishNotAllowed: 3.1.1 cannot say so; 5.0 says 0x87, after which the
// identifier is free.
func publishNotAllowed(p *play) {
	s := p.join("s", user("reader", password))
	topic := "secret/" + p.base
	s.on(topic, 2)
	for qos := range byte(3) {
		x := p.join("x", user("writer", password))
		x.send(publish{topic: topic, payload: "no", qos: qos, id: 5, retain: true}.bytes(p.v))
		if p.v == v3 {
			x.obeysOrEnds(qos)
			continue
		}
		if qos > 0 {
			x.wantAck(pubackType+qos-1, 5, 0x87)
		}
		x.publish(publish{topic: p.topic("t"), qos: max(qos, 1), id: 5})
	}
	late := p.join("late", user("reader", password))
	late.on(topic, 0)
	late.nothing()
	s.silent(p.join("q", user("writer", password)))
}

// obeysOrEnds wants the answers to a PUBLISH, or the end.
func (x *peer) obeysOrEnds(qos byte) {
	x.Helper()
	x.offer(pingreq)
	got, err := x.poll(within)
	if over(err) {
		return
	}
	if want := []byte{pingrespType, pubackType, pubrecType}[qos]; err != nil || got.typ != want {
		x.Fatalf("QoS %d: got %s, %v", qos, got, err)
	}
}

func subscribeNotAllowed(p *play) {
	x := p.join("x", user("writer", password))
	no := byte(0x80)
	if p.v == v5 {
		no = 0x87
	}
	x.send(subscribe(p.v, 1, nil, sub{p.topic("a"), 0}, sub{"secret/" + p.base, 1}, sub{p.topic("b"), 2}, sub{"secret/#", 0}, sub{"#", 0}))
	if got := x.want(subackType); !slices.Equal(got.codes[:4], []byte{0, no, 2, no}) {
		p.Errorf("got %s", got)
	}
}

// willNotAllowed: refused at once, or not published.
func willNotAllowed(p *play) {
	s := p.join("s", user("reader", password))
	topic := "secret/" + p.base
	s.on(topic, 0)
	x := p.ask("x", user("writer", password), willing(will{topic: topic, payload: "no"}))
	if got := x.want(connackType); got.reason == 0 {
		x.drop()
	} else if p.v == v5 && got.reason != 0x87 || p.v == v3 && got.reason != 5 {
		p.Errorf("got %s", got)
	}
	s.silent(p.join("x", user("writer", password)))
	if strings.Contains(p.node().Log(), password) {
		p.Error("the password is in the log")
	}
}
