package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// responder answers every request at once.
type responder struct {
	*inbox
	node *testNode
}

func (r *responder) Deliver(m *core.Message, g core.Grant) {
	r.inbox.Deliver(m, g)
	answer := &core.Message{Topic: core.Topic("reply/" + string(m.Payload)), Payload: m.Payload, QoS: m.QoS}
	go func() { _ = r.node.Publish(context.Background(), answer, then(func() {})) }()
}

var _ core.Subscriber = (*responder)(nil)

// A client subscribes to where it wants the reply and publishes its request
// without waiting for the SUBACK. The answer comes, whatever is on its way
// already.
func TestSubscribeThenPublish(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		for _, n := range []*testNode{b, d} {
			r := &responder{newInbox(), n}
			done := make(chan struct{})
			n.Subscribe(r, at("request", 1), func() { close(done) })
			<-done
			c.net.Delay("n1:1", n.name+":1", 20*time.Millisecond, 0)
		}
		time.Sleep(2 * time.Second)
		other := newInbox()
		for i := range 50 {
			a.Subscribe(other, at(core.Filter(fmt.Sprint("other/", i)), 1), func() {}) // its delta is under way
			client := newInbox()
			a.Subscribe(client, at(core.Filter(fmt.Sprint("reply/", i)), 1), func() {})
			m := core.Message{Topic: "request", Payload: fmt.Append(nil, i), QoS: core.QoS(i % 2)}
			if err := a.from(client.ClientID(), m, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i*7) * time.Millisecond)
			time.Sleep(100 * time.Millisecond)
			if got := client.take(); len(got) != 2 {
				t.Errorf("request %d: got %v", i, got)
			}
		}
		if b.count.holds.Load() == 0 || b.count.holdTimeouts.Load() != 0 {
			t.Errorf("%d frames waited, %d in vain", b.count.holds.Load(), b.count.holdTimeouts.Load())
		}
		if a.changes.some.Load() {
			t.Error("changes that all have are remembered")
		}
	})
}

// A table that does not come holds a lane once, for 50 ms, however many clients
// subscribe.
func TestHoldIsBounded(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		in := b.sub("x")
		l := &link{peer: b.peersNow()[a.opts.Saved.UID], speaks: dataProtocol, done: make(chan struct{})}
		l.lanes = l.peer.lanes[0]
		at := l.peer.routes.at.Load()
		begin := time.Now()
		for i := range uint64(1000) {
			b.hold(l, at+1+i)
		}
		if took := time.Since(begin); took != holdFor {
			t.Errorf("held for %s", took)
		}
		l.peer.routes.set(at + 1)
		b.hold(l, at+1)
		b.hold(l, at+5)
		if took := time.Since(begin); took != 2*holdFor {
			t.Errorf("after it came, held for %s", took)
		}
		a.pub("x", "1", 1)
		if len(in.take()) != 1 {
			t.Error("nothing passes any more")
		}
	})
}

func TestChanges(t *testing.T) {
	var c changes
	for i := range maxChangers {
		if !c.note(fmt.Sprint(i), uint64(i+1)) {
			t.Fatalf("no room for %d", i)
		}
	}
	if c.note("one more", 1) || !c.note("7", 9) || c.of("7") != 9 || c.of("one more") != 0 {
		t.Error("the bound is wrong")
	}
	c.reached(maxChangers - 1)
	if len(c.byClient) != 1 || !c.some.Load() || c.of(fmt.Sprint(maxChangers-1)) != maxChangers {
		t.Errorf("%d are left", len(c.byClient))
	}
	c.reached(maxChangers)
	if c.some.Load() {
		t.Error("some are left")
	}
}
