package kit

import (
	"fmt"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// maxKept bounds the messages that a client keeps for the test.
const maxKept = 1 << 17

// Client is an MQTT client that keeps what it gets. It does not connect again
// by itself: Lost tells of the end of its connection.
type Client struct {
	mqtt.Client
	Lost    <-chan error
	Present bool // the session was there when it connected

	t   testing.TB
	at  *Node
	got chan string // topic=payload
}

// Connect connects a client with a clean session; it ends with the test.
func (n *Node) Connect(id string) *Client {
	n.t.Helper()
	return n.connect(id, true)
}

// Resume connects a client that keeps its session.
func (n *Node) Resume(id string) *Client {
	n.t.Helper()
	return n.connect(id, false)
}

func (n *Node) connect(id string, clean bool) *Client {
	n.t.Helper()
	lost := make(chan error, 1)
	c := &Client{t: n.t, at: n, got: make(chan string, maxKept), Lost: lost}
	o := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", n.MQTT)).SetClientID(id).
		SetAutoReconnect(false).SetOrderMatters(true).SetConnectTimeout(patience).SetCleanSession(clean)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.got <- m.Topic() + "=" + string(m.Payload()) })
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	c.Client = mqtt.NewClient(o)
	token := c.Connect()
	must(c.t, token)
	c.Present = token.(*mqtt.ConnectToken).SessionPresent()
	n.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// answered waits for the answer to a packet; any goroutine may call it.
func answered(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return fmt.Errorf("the client was not answered within %s", patience)
	}
	return token.Error()
}

func must(t testing.TB, token mqtt.Token) {
	t.Helper()
	if err := answered(token); err != nil {
		t.Fatal(err)
	}
}

// Sub subscribes at QoS 1 and waits until all nodes route the filters.
func (c *Client) Sub(filters ...string) *Client {
	c.t.Helper()
	Subscribe(c.t, c.at.Dir, c.Client, filters...)
	return c
}

// Subscribe subscribes a client of the node with a data directory at QoS 1, and
// waits until all nodes route the filters. That is what a SUBACK says, unless
// the node has stopped waiting for a slow one, which it counts: then another
// subscription behind it is tried, until one was not given up.
func Subscribe(t testing.TB, dir string, c mqtt.Client, filters ...string) {
	t.Helper()
	r := c.OptionsReader()
	behind, tried := fmt.Sprintf("behind/%x", r.ClientID()), false
	givenUp := func() float64 {
		return Count(t, dir, `subscribe_visibility_timeouts_total{reason="slow_peer"}`)
	}
	before := givenUp()
	for _, f := range filters {
		must(t, c.Subscribe(f, 1, nil))
	}
	Until(t, patience, "all nodes have heard of a subscription", func() bool {
		last := before
		if before = givenUp(); before == last {
			return true
		}
		must(t, c.Subscribe(behind, 0, nil)) // again: the row is the same, and waits the less
		tried = true
		return false
	})
	if tried {
		must(t, c.Unsubscribe(behind)) // so that the next has a row of its own
	}
}

// Pub publishes at QoS 1 and waits until it is acknowledged.
func (c *Client) Pub(topic, payload string) {
	c.t.Helper()
	must(c.t, c.Publish(topic, 1, false, payload))
}

// Retain is Pub of a retained message.
func (c *Client) Retain(topic, payload string) {
	c.t.Helper()
	must(c.t, c.Publish(topic, 1, true, payload))
}

// Next fails the test unless these are the next messages, each as
// topic=payload.
func (c *Client) Next(want ...string) {
	c.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for _, w := range want {
		select {
		case got := <-c.got:
			if got != w {
				c.t.Fatalf("got %s, want %s", got, w)
			}
		case <-late.C:
			c.t.Fatalf("%s did not come", w)
		}
	}
}

// Undropped fails the test if the client has lost its connection.
func (c *Client) Undropped() {
	c.t.Helper()
	select {
	case err := <-c.Lost:
		c.t.Errorf("a client was dropped: %v", err)
	default:
	}
	if !c.IsConnectionOpen() {
		c.t.Error("a client is not connected any more")
	}
}

// Within returns what comes until there are n messages, or nothing more comes
// for d: each as topic=payload.
func (c *Client) Within(d time.Duration, n int) map[string]bool {
	out := map[string]bool{}
	quiet := time.NewTimer(d)
	defer quiet.Stop()
	for len(out) < n {
		select {
		case got := <-c.got:
			out[got] = true
			quiet.Reset(d)
		case <-quiet.C:
			return out
		}
	}
	return out
}
