package foreign

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session/state"
)

// client5 is a client of 5.0 that keeps what it gets.
type client5 struct {
	*paho.Client
	t       *testing.T
	conn    net.Conn
	connack *paho.Connack
	got     chan string // topic qos retain payload, and ids of properties that matter
	aliases int         // messages that came with an alias and no topic
	topics  map[uint16]string
}

// line is what a message is compared by; it resolves aliases, which this
// library leaves to its user.
func (c *client5) line(m *paho.Publish) string {
	topic := m.Topic
	if alias := m.Properties.TopicAlias; alias != nil {
		if topic != "" {
			c.topics[*alias] = topic
		} else {
			topic = c.topics[*alias]
			c.aliases++
		}
	}
	return fmt.Sprintf("%s %d %t %s", topic, m.QoS, m.Retain, m.Payload)
}

func connect5(t *testing.T, name string, session *state.State, change ...func(*paho.Connect)) *client5 {
	t.Helper()
	c := &client5{t: t, got: make(chan string, 10000), topics: map[uint16]string{}}
	var err error
	if c.conn, err = net.DialTimeout("tcp", node.MQTT, within); err != nil {
		t.Fatal(err)
	}
	config := paho.ClientConfig{Conn: c.conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(m paho.PublishReceived) (bool, error) { c.got <- c.line(m.Packet); return true, nil },
	}}
	if session != nil {
		config.Session = session
	}
	c.Client = paho.NewClient(config)
	ask := &paho.Connect{ClientID: idOf(t, name), KeepAlive: 60, CleanStart: true, Properties: &paho.ConnectProperties{RequestProblemInfo: true}}
	for _, f := range change {
		f(ask)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if c.connack, err = c.Connect(ctx, ask); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.leave)
	return c
}

func (c *client5) leave() {
	_ = c.Disconnect(&paho.Disconnect{})
	<-c.Done()
}

func (c *client5) sub(options ...paho.SubscribeOptions) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: options}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client5) pub(m paho.Publish) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	if _, err := c.Publish(ctx, &m); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client5) want(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		if got := wait(c.t, want, c.got); got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func lasting5(c *paho.Connect) {
	c.CleanStart, c.Properties.SessionExpiryInterval = false, ptr(uint32(600))
}

func paho5QoS(t *testing.T) {
	q := connect5(t, "q", nil)
	for granted := range byte(3) {
		s := connect5(t, fmt.Sprint("s", granted), nil)
		topic := topicOf(t, fmt.Sprint(granted))
		s.sub(paho.SubscribeOptions{Topic: topic, QoS: granted})
		for qos := range byte(3) {
			q.pub(paho.Publish{Topic: topic, QoS: qos, Payload: []byte{'0' + qos}})
			s.want(fmt.Sprintf("%s %d false %d", topic, min(qos, granted), qos))
		}
	}
}

// paho5Resume: the library keeps its half of the session.
func paho5Resume(t *testing.T) {
	session := state.NewInMemory()
	q, s := connect5(t, "q", nil), connect5(t, "s", session, lasting5)
	topic := topicOf(t, "t")
	s.sub(paho.SubscribeOptions{Topic: topic, QoS: 2})
	_ = s.conn.Close()
	<-s.Done()
	var want []string
	for i := range 20 {
		q.pub(paho.Publish{Topic: topic, QoS: byte(1 + i%2), Payload: fmt.Append(nil, i)})
		want = append(want, fmt.Sprintf("%s %d false %d", topic, 1+i%2, i))
	}
	s = connect5(t, "s", session, lasting5)
	if !s.connack.SessionPresent {
		t.Fatal("the session is gone")
	}
	s.want(want...)
}

func paho5Will(t *testing.T) {
	s := connect5(t, "s", nil)
	topic := topicOf(t, "will")
	s.sub(paho.SubscribeOptions{Topic: topic, QoS: 2})
	for name, delay := range map[string]uint32{"x": 0, "y": 1} {
		x := connect5(t, name, nil, lasting5, func(c *paho.Connect) {
			c.WillMessage = &paho.WillMessage{Topic: topic, Payload: []byte("gone"), QoS: 1}
			c.WillProperties = &paho.WillProperties{WillDelayInterval: &delay}
		})
		_ = x.conn.Close()
		begin := time.Now()
		s.want(topic + " 1 false gone")
		if took := time.Since(begin); took < time.Duration(delay)*time.Second*8/10 {
			t.Errorf("delay %d s: after %s", delay, took)
		}
	}
}

func paho5Retained(t *testing.T) {
	q := connect5(t, "q", nil)
	topic := topicOf(t, "t")
	q.pub(paho.Publish{Topic: topic, QoS: 1, Retain: true, Payload: []byte("kept")})
	for handling, want := range []string{topic + " 1 true kept", topic + " 1 true kept", topic + " 1 true live"} {
		s := connect5(t, fmt.Sprint("s", handling), nil)
		s.sub(paho.SubscribeOptions{Topic: topic, QoS: 1, RetainHandling: byte(handling), RetainAsPublished: true})
		if handling == 2 {
			q.pub(paho.Publish{Topic: topic, QoS: 1, Retain: true, Payload: []byte("live")})
		}
		s.want(want)
	}
	q.pub(paho.Publish{Topic: topic, QoS: 1, Retain: true})
}

// paho5Aliases: from the client, and from the server to one who allows them.
func paho5Aliases(t *testing.T) {
	q := connect5(t, "q", nil)
	s := connect5(t, "s", nil, func(c *paho.Connect) { c.Properties.TopicAliasMaximum = ptr(uint16(2)) })
	s.sub(paho.SubscribeOptions{Topic: topicOf(t, "+"), QoS: 1})
	alias := ptr(uint16(1))
	for i := range 10 {
		name := ""
		if i == 0 {
			name = topicOf(t, "a")
		}
		q.pub(paho.Publish{Topic: name, QoS: 1, Payload: fmt.Append(nil, i), Properties: &paho.PublishProperties{TopicAlias: alias}})
		s.want(fmt.Sprintf("%s 1 false %d", topicOf(t, "a"), i))
	}
	if s.aliases == 0 {
		t.Error("the server never used an alias")
	}
}

func paho5Shared(t *testing.T) {
	q := connect5(t, "q", nil)
	topic := topicOf(t, "t")
	a, b := connect5(t, "a", nil), connect5(t, "b", nil)
	for _, x := range []*client5{a, b} {
		x.sub(paho.SubscribeOptions{Topic: "$share/" + idOf(t, "group") + "/" + topic, QoS: 1})
	}
	seen := map[string]bool{}
	late := time.NewTimer(within)
	defer late.Stop()
	for i := range 20 {
		q.pub(paho.Publish{Topic: topic, QoS: 1, Payload: fmt.Append(nil, i)})
		select {
		case line := <-a.got:
			seen[line] = true
		case line := <-b.got:
			seen[line] = true
		case <-late.C:
			t.Fatalf("message %d did not come", i)
		}
	}
	if len(seen) != 20 || len(a.got)+len(b.got) > 0 {
		t.Fatalf("%d of 20 came, %d more than once", len(seen), len(a.got)+len(b.got))
	}
}

// paho5Flow: a window of two, in both directions as the library does it.
func paho5Flow(t *testing.T) {
	q := connect5(t, "q", nil)
	s := connect5(t, "s", nil, func(c *paho.Connect) { c.Properties.ReceiveMaximum = ptr(uint16(2)) })
	topic := topicOf(t, "t")
	s.sub(paho.SubscribeOptions{Topic: topic, QoS: 2})
	var want []string
	for i := range 50 {
		q.pub(paho.Publish{Topic: topic, QoS: byte(1 + i%2), Payload: fmt.Append(nil, i)})
		want = append(want, fmt.Sprintf("%s %d false %d", topic, 1+i%2, i))
	}
	s.want(want...)
}
