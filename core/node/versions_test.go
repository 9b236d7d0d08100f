package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
)

// older has the named nodes speak the previous version of the protocol.
func (c *cluster) older(names ...string) {
	c.tweak = func(o *Options) {
		o.DataLanes = 4
		for _, name := range names {
			if o.Saved.Name.Name() == name {
				o.Protocol = wire.Protocol - 1
			}
		}
	}
}

// Whichever nodes of a cluster are of the previous version: messages arrive in
// order, through cuts too, subscriptions are visible, retained messages kept.
func TestPreviousVersion(t *testing.T) {
	for _, old := range [][]string{{"n1"}, {"n2"}, {"n1", "n3"}, {"n1", "n2", "n3"}} {
		bubble(t, func(c *cluster) {
			c.older(old...)
			a, b, d := c.three()
			nodes := []*testNode{a, b, d}
			ins := []*inbox{a.sub("#"), b.sub("#"), d.sub("#")}
			for i := range 300 {
				if i == 150 {
					c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
				}
				for k, n := range nodes {
					m := core.Message{Topic: core.Topic(fmt.Sprintf("p%d/x", k)), Payload: fmt.Append(nil, i), QoS: core.QoS(1 + i%2)}
					if err := n.from(fmt.Sprint("p", k), m, func() {}); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(3 * time.Second)
			c.net.HealAll()
			time.Sleep(5 * time.Second)
			c.one("n1", "n2", "n3")
			for _, in := range ins {
				inOrder(t, in, 3, 300)
			}
			a.keepMessage("r", "kept", 1, nil)
			time.Sleep(time.Second)
			c.holdAll([]string{"r=kept"}, "n1", "n2", "n3")
		})
	}
}

// What the previous version cannot take is refused, or dropped and counted; it
// does not end the link.
func TestTooLongForThePreviousVersion(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.older("n2")
		a, b, d := c.three()
		inb, ind := b.sub("p0/x"), d.sub("p0/x")
		for i, size := range []int{500_000, 3 << 20, 3 << 20, 10} {
			qos := core.QoS(1 - i/2)
			m := core.Message{Topic: "p0/x", Payload: append(fmt.Append(nil, i, "/"), make([]byte, size)...), QoS: qos}
			err := a.from("p0", m, func() {})
			if want := i == 1; errors.Is(err, ErrTooLarge) != want {
				t.Errorf("message %d: %v", i, err)
			}
		}
		time.Sleep(time.Second)
		if nb, nd := len(inb.take()), len(ind.take()); nb != 2 || nd != 3 || a.count.droppedLong.Load() != 1 {
			t.Errorf("the older node has %d, the other %d, %d counted", nb, nd, a.count.droppedLong.Load())
		}
		c.one("n1", "n2", "n3")
	})
}

// A node is upgraded, and taken back to its former version, while messages go
// to it: they arrive.
func TestUpgradeAndBack(t *testing.T) {
	bubble(t, func(c *cluster) {
		for round, old := range []string{"n2", "none", "n2", "none"} {
			c.older(old)
			if round == 0 {
				c.three()
			}
			c.nodes["n2"].halt()
			c.start("n2")
			time.Sleep(3 * time.Second)
			c.one("n1", "n2", "n3")
			in := c.nodes["n2"].sub("#")
			for i := range 50 {
				for p := range 8 {
					m := core.Message{Topic: core.Topic(fmt.Sprintf("p%d/x", p)), Payload: fmt.Append(nil, i), QoS: 1}
					if err := c.nodes["n1"].from(fmt.Sprint("p", p), m, func() {}); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Second)
			inOrder(t, in, 8, 50)
		}
	})
}

// No version in common: refused, counted, and the cluster goes on.
func TestNoCommonVersion(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		h, err := wire.NewHandshake(wire.Dialler, wire.Identity{Cluster: "test", UID: core.UID{9}, Incarnation: 1, Name: "x@y"}, wire.Options{Key: wire.Key{1, 2, 3}})
		if err != nil {
			t.Fatal(err)
		}
		newer := h.Start()
		const versions = 1 + len("muster") + 1
		newer[versions], newer[versions+2] = 200, 250
		tl, err := c.net.Endpoint("evil:1").Dial(c.t.Context(), "n1:1")
		if err != nil {
			t.Fatal(err)
		}
		defer tl.Close()
		if err := tl.Send(newer); err != nil {
			t.Fatal(err)
		}
		reply, err := tl.Receive()
		if err != nil {
			t.Fatal(err)
		}
		f, err := wire.Decode(reply)
		if r, ok := f.(wire.Refuse); err != nil || !ok || r.Code != wire.RefuseVersion {
			t.Errorf("%+v %v", f, err)
		}
		time.Sleep(time.Second)
		in := b.sub("x")
		a.pub("x", "1", 1)
		refused := uint64(0)
		for _, n := range a.Counters() {
			if n.Name == "hellos_refused_total" {
				refused += n.Value
			}
		}
		if len(in.take()) != 1 || refused != 1 {
			t.Errorf("%d refused", refused)
		}
	})
}
