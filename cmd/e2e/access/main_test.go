package access

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// within bounds every wait for something that must come.
const within = time.Minute

var program string

func TestMain(m *testing.M) { os.Exit(solo.Main(m, &program)) }

// site is a node with its files.
type site struct {
	*solo.Node
	t   *testing.T
	dir string
}

// start starts a node; DIR in its configuration is a directory that ends with
// the test, in which files are written first.
func start(t *testing.T, conf string, files map[string]string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	for name, text := range files {
		s.write(name, text)
	}
	var err error
	if s.Node, err = solo.Start(program, filepath.Join(s.dir, "data"), strings.ReplaceAll(conf, "DIR", s.dir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write replaces a file as a whole: the node may read it at any time.
func (s *site) write(name, text string) {
	s.t.Helper()
	err := os.WriteFile(s.path(name)+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(s.path(name)+".new", s.path(name))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// muster runs a command and returns what it prints.
func (s *site) muster(stdin string, args ...string) string {
	s.t.Helper()
	out, err := try(stdin, args...)
	if err != nil {
		s.t.Fatalf("muster %v: %v\n%s", args, err, out)
	}
	return out
}

func try(stdin string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	err := cmd.Run()
	return out.String(), err
}

// until is a kit.Until that shows the log.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	if _, came := kit.Wait(within, ok); !came {
		s.t.Fatalf("not within %s: %s\n%s", within, what, s.Log())
	}
}

// reload makes the node read its files again, and waits until it says want.
func (s *site) reload(want string) {
	s.t.Helper()
	before := strings.Count(s.Log(), want)
	if err := s.Reload(); err != nil {
		s.t.Fatal(err)
	}
	s.until("the log says "+want, func() bool { return strings.Count(s.Log(), want) > before })
}

const done = "users and rules were read again"

// free returns an address of loopback that is free now.
func free(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", kit.Ports(t, 1)[0])
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client is one of MQTT 5.0 that is not ours.
type client struct {
	*paho.Client
	t   *testing.T
	got chan string
	bye chan byte // the reason of the DISCONNECT that the broker sends
}

// connect logs in over a connection; the code is that of the CONNACK, 0 for a
// client that is in.
func connect(t *testing.T, c net.Conn, id, user, password string) (*client, byte) {
	t.Helper()
	x := &client{t: t, got: make(chan string, 100), bye: make(chan byte, 1)}
	bye := func(d *paho.Disconnect) { x.bye <- d.ReasonCode }
	x.Client = paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(c), OnServerDisconnect: bye, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(m paho.PublishReceived) (bool, error) {
			x.got <- m.Packet.Topic + "=" + string(m.Packet.Payload)
			return true, nil
		},
	}})
	ask := &paho.Connect{ClientID: id, KeepAlive: 60, CleanStart: true}
	if user != "" {
		ask.UsernameFlag, ask.Username, ask.PasswordFlag, ask.Password = true, user, true, []byte(password)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ack, err := x.Connect(ctx, ask)
	switch {
	case ack == nil:
		t.Fatalf("%s as %s: %v", id, user, err)
	case ack.ReasonCode != 0:
		_ = c.Close()
		return nil, ack.ReasonCode
	}
	t.Cleanup(func() { _ = x.Disconnect(&paho.Disconnect{}) })
	return x, 0
}

func (s *site) connect(id, user, password string) *client {
	s.t.Helper()
	c, code := connect(s.t, dial(s.t, s.MQTT), id, user, password)
	if code != 0 {
		s.t.Fatalf("%s as %s: refused by 0x%02x", id, user, code)
	}
	return c
}

// refused wants a code that says no.
func (s *site) refused(id, user, password string, want byte) {
	s.t.Helper()
	if _, code := connect(s.t, dial(s.t, s.MQTT), id, user, password); code != want {
		s.t.Errorf("%s as %s with %q: 0x%02x, want 0x%02x", id, user, password, code, want)
	}
}

// pub publishes and returns the reason code.
func (c *client) pub(topic, payload string) byte {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	ack, err := c.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
	if ack == nil {
		c.t.Fatalf("publish to %s: %v", topic, err)
	}
	return ack.ReasonCode
}

// sub subscribes and returns the reason code.
func (c *client) sub(filter string) byte {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	ack, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
	if ack == nil || len(ack.Reasons) != 1 {
		c.t.Fatalf("subscribe to %s: %v", filter, err)
	}
	return ack.Reasons[0]
}

func (c *client) next(want string) {
	c.t.Helper()
	select {
	case got := <-c.got:
		if got != want {
			c.t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(within):
		c.t.Errorf("%s did not come", want)
	}
}

// passes reports whether a message goes out and comes back.
func (c *client) passes(topic string) {
	c.t.Helper()
	if code := c.sub(topic); code > 2 {
		c.t.Errorf("subscribe to %s: 0x%02x", topic, code)
	}
	if code := c.pub(topic, "x"); code != 0 {
		c.t.Errorf("publish to %s: 0x%02x", topic, code)
	}
	c.next(topic + "=x")
}
