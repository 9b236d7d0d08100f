package nats

import (
	"errors"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
)

// user is a user of the server with these subjects and no other.
func user(name string, publish, subscribe []string) *server.User {
	return &server.User{Username: name, Password: name, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
	}}
}

func as(s *natstest.Server, name string) string {
	return strings.Replace(s.URL(), "//", "//"+name+":"+name+"@", 1)
}

// Nodes work with exactly the documented permissions, each with its own; a
// user of other subjects can neither read what they say nor say anything to
// them, and a node cannot read what another is sent.
func TestLockedDown(t *testing.T) {
	users := []*server.User{user("foreign", []string{"orders.>"}, []string{"orders.>", "_INBOX.>"})}
	for i, name := range []string{"n0", "n1"} {
		publish, subscribe := Permissions("a cluster.*", uidOf(i))
		users = append(users, user(name, publish, subscribe))
	}
	s := natstest.Start(t, func(o *server.Options) { o.Users = users })
	var nodes []*Transport
	for i, name := range []string{"n0", "n1"} {
		tr, err := tryListen(t, i, as(s, name))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, tr)
	}
	until(t, "the nodes hear one another", func() bool { return len(heard(t, nodes[0])) == 1 && len(heard(t, nodes[1])) == 1 })
	from, to := pair(t, nodes[0], nodes[1])
	pass(t, from, to, "allowed")
	if _, err := nodes[0].Dial(within(t), uidOf(7)); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("dial of nobody: %v", err) // the server's answer reaches us as well
	}
	base := nodes[0].base
	denied(t, as(s, "foreign"), []string{"muster.>", ">", base + "hello", base + uidOf(1) + ".*"}, []string{base + "hello", base + uidOf(1) + ".dial"})
	denied(t, as(s, "n0"), []string{"muster.>", base + uidOf(1) + ".*", base + "*.*"}, []string{"orders.new"})
	pass(t, from, to, "unharmed")
	if st := nodes[1].Stats(); st.Malformed != 0 || st.Denied != 0 {
		t.Errorf("%+v", st)
	}
}

// denied checks that a user may neither subscribe nor publish.
func denied(t *testing.T, url string, subscribe, publish []string) {
	t.Helper()
	told := make(chan error, 16)
	c, err := client.Connect(url, client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) { told <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	expect := func(what, subject string, err error) {
		t.Helper()
		if err == nil {
			err = c.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-told:
			if !errors.Is(err, client.ErrPermissionViolation) {
				t.Errorf("%s %q: %v", what, subject, err)
			}
		case <-within(t).Done():
			t.Errorf("%s %q is allowed", what, subject)
		}
	}
	for _, subject := range subscribe {
		_, err := c.SubscribeSync(subject)
		expect("subscribe to", subject, err)
	}
	for _, subject := range publish {
		expect("publish to", subject, c.Publish(subject, []byte("forged")))
	}
}

// A node without its permissions does not start, and says which they are.
func TestWithoutPermissions(t *testing.T) {
	s := natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{user("deaf", []string{">"}, []string{"orders.>"}), user("mute", []string{"orders.>"}, []string{">"})}
	})
	if _, err := tryListen(t, 1, as(s, "deaf")); err == nil || !strings.Contains(err.Error(), `"muster.a%20cluster%2E%2A.hello"`) {
		t.Errorf("deaf: %v", err)
	}
	var told log
	tr, err := tryListen(t, 1, as(s, "mute"), told.option)
	if err != nil {
		if !strings.Contains(err.Error(), "must be allowed to publish") {
			t.Errorf("mute: %v", err)
		}
		return
	}
	until(t, "the denial is counted", func() bool { return tr.Stats().Denied > 0 })
}
