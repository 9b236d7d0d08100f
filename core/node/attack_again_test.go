package node

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// A node leaves and joins again while one member is cut off: only that one
// keeps what it had with it, lanes included. After the heal the two must get
// on with each other, and lose nothing.
func TestRejoinUnseenByAMember(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.manual("n1"), c.manual("n2"), c.manual("n3")
		for _, n := range []*testNode{b, d} {
			if err := n.Join(t.Context(), "n1:1"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		c.one("n1", "n2", "n3")
		in, ind := b.sub("b"), d.sub("d")
		for i := range 10 {
			d.pub("b", fmt.Sprint(i), 1)
			b.pub("d", fmt.Sprint(i), 1)
		}
		c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
		time.Sleep(7 * time.Second)
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Join(t.Context(), "n1:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.net.HealAll()
		time.Sleep(10 * time.Second)
		c.one("n1", "n2", "n3")
		c.sameTables("n1", "n2", "n3")
		in.take()
		ind.take()
		var wantB, wantD []string
		for i := range 5 {
			d.pub("b", fmt.Sprint("x", i), 1)
			b.pub("d", fmt.Sprint("x", i), 1)
			wantB, wantD = append(wantB, fmt.Sprintf("b=x%d/1", i)), append(wantD, fmt.Sprintf("d=x%d/1", i))
		}
		time.Sleep(time.Second)
		if got := in.take(); !slices.Equal(got, wantB) {
			t.Errorf("at n2: %v", got)
		}
		if got := ind.take(); !slices.Equal(got, wantD) {
			t.Errorf("at n3: %v", got)
		}
		a.pub("b", "a", 1)
	})
}

// A good-bye that comes late, after its node has joined again, must do no
// harm that stays.
func TestLateByeAfterRejoin(t *testing.T) {
	bubble(t, func(c *cluster) {
		_, b, d := c.manual("n1"), c.manual("n2"), c.manual("n3")
		for _, n := range []*testNode{b, d} {
			if err := n.Join(t.Context(), "n1:1"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		in := b.sub("b")
		for i := range 10 {
			d.pub("b", fmt.Sprint(i), 1)
			c.nodes["n1"].pub("b", fmt.Sprint(i), 1)
		}
		in.take()
		c.net.Delay("n2:1", "n3:1", 150*time.Millisecond, 0)
		time.Sleep(time.Second)
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.Join(t.Context(), "n1:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		c.one("n1", "n2", "n3")
		c.sameTables("n1", "n2", "n3")
		c.nodes["n1"].pub("b", "last", 1)
		if got := in.take(); !slices.Equal(got, []string{"b=last/1"}) {
			t.Errorf("got %v", got)
		}
	})
}

// Halves that were apart for longer than autoclean have forgotten each other.
// Discovery still names the nodes: met again they are members again.
func TestHalvesThatForgotEachOtherMeetAgain(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Membership.Autoclean = 10 * time.Second }
		a, _, d := c.three()
		in := d.sub("d")
		a.pub("d", "1", 1)
		c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
		time.Sleep(60 * time.Second)
		if got := a.states() + "|" + d.states(); got != "n1:alive n2:alive|n3:alive" {
			t.Fatalf("in the split: %s", got)
		}
		c.net.HealAll()
		time.Sleep(2 * time.Minute)
		c.one("n1", "n2", "n3")
		c.sameTables("n1", "n2", "n3")
		a.pub("d", "2", 1)
		if got := in.take(); !slices.Equal(got, []string{"d=1/1", "d=2/1"}) {
			t.Errorf("got %v", got)
		}
	})
}

// One side forgets the other, which remembers: at the boundary of autoclean.
func TestOneSideForgot(t *testing.T) {
	bubble(t, func(c *cluster) {
		names := 0
		c.tweak = func(o *Options) {
			if names++; names == 1 { // n1 alone cleans up
				o.Membership.Autoclean = 8 * time.Second
			}
		}
		c.seeds = []string{"n1:1", "n2:1"}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(2 * time.Second)
		c.one("n1", "n2")
		ina, inb := a.sub("a"), b.sub("b")
		for range 5 {
			a.pub("b", "1", 1)
			b.pub("a", "1", 1)
		}
		c.net.Split([]string{"n1:1"}, []string{"n2:1"})
		time.Sleep(30 * time.Second)
		if got := a.states() + "|" + b.states(); got != "n1:alive|n1:failed n2:alive" {
			t.Fatalf("in the split: %s", got)
		}
		c.net.HealAll()
		time.Sleep(10 * time.Second)
		c.one("n1", "n2")
		ina.take()
		inb.take()
		a.pub("b", "2", 1)
		b.pub("a", "2", 1)
		if got := append(ina.take(), inb.take()...); !slices.Equal(got, []string{"a=2/1", "b=2/1"}) {
			t.Errorf("got %v", got)
		}
	})
}

// A publish that matched just before the peer failed must be acknowledged:
// nobody gives it up a second time.
func TestMatchJustBeforeTheFailure(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		d.sub("x")
		d.kill()
		time.Sleep(7 * time.Second)
		if got := a.states(); got != "n1:alive n2:alive n3:failed" {
			t.Fatal(got)
		}
		a.Node.mu.Lock()
		slot := a.peers[d.opts.Saved.UID].slot
		a.Node.mu.Unlock()
		a.routes.SetLive(slot, true) // what a publish saw that is a little late
		done := make(chan struct{})
		m := &core.Message{Topic: "x", Payload: []byte("1"), QoS: 1}
		if err := a.Publish(t.Context(), m, then(func() { close(done) })); err != nil {
			t.Fatal(err)
		}
		a.routes.SetLive(slot, false)
		synctest.Wait()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("no acknowledgement within a minute: the peer has failed, and nobody gives the publish up")
		}
	})
}
