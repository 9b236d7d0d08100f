package node

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
)

func TestThreeNodesBecomeOneCluster(t *testing.T) {
	bubble(t, func(c *cluster) {
		begin := time.Now()
		c.seeds = []string{"n1:1", "n2:1", "n3:1"}
		a, b, d := c.start("n1"), c.start("n2"), c.start("n3")
		for _, n := range []*testNode{a, b, d} {
			<-n.Formed()
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("formed after %s", took)
		}
		time.Sleep(time.Second)
		c.one("n1", "n2", "n3")
	})
}

// The route example of the manual: each session gets a publish once, and
// nobody else gets it.
func TestRouteExample(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		c1, c2, c3 := a.sub("t/+/x", "t/+/y"), b.sub("t/#"), d.sub("t/+/x", "t/a")
		for _, qos := range []core.QoS{0, 1} {
			a.pub("t/a", "m", qos)
			synctest.Wait()
			want := []string{fmt.Sprintf("t/a=m/%d", qos)}
			for i, got := range [][]string{c1.take(), c2.take(), c3.take()} {
				if i == 0 && len(got) != 0 || i > 0 && !slices.Equal(got, want) {
					t.Errorf("QoS %d: client%d got %v", qos, i+1, got)
				}
			}
		}
		for _, n := range []*testNode{a, b, d} {
			if got := fmt.Sprint(n.RoutesOf("t/a")); got != "[{t/# n2@n2} {t/a n3@n3}]" {
				t.Errorf("%s routes t/a to %s", n.name, got)
			}
		}
		c.sameTables("n1", "n2", "n3")
	})
}

func TestOverlappingSubscriptionsDeliverOnceAtTheHighestQoS(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		i := newInbox()
		for f, q := range map[core.Filter]core.QoS{"a/#": 0, "a/b": 1, "+/b": 0} {
			b.Subscribe(i, at(f, q), func() {})
		}
		time.Sleep(time.Second)
		a.pub("a/b", "x", 1)
		if got := i.take(); !slices.Equal(got, []string{"a/b=x/1"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestUnsubscribeEndsTheRoute(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		one, two := b.sub("x"), b.sub("x")
		b.Unsubscribe(one, "x", "")
		a.pub("x", "1", 1)
		b.Unsubscribe(two, "x", "")
		b.Unsubscribe(two, "x", "")
		time.Sleep(time.Second)
		a.pub("x", "2", 1)
		if got := append(one.take(), two.take()...); !slices.Equal(got, []string{"x=1/1"}) {
			t.Errorf("got %v", got)
		}
		if r := append(a.Routes(), d.Routes()...); len(r) != 0 {
			t.Errorf("routes left: %v", r)
		}
	})
}

// SUBACK means visible: whatever the delay of the links, a publish at any
// node after it is delivered.
func TestSubackMeansVisible(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		c.net.Delay("n1:1", "n2:1", 60*time.Millisecond, 20*time.Millisecond)
		c.net.Delay("n2:1", "n1:1", 60*time.Millisecond, 20*time.Millisecond)
		for i := range 50 {
			f := core.Filter(fmt.Sprint("v/", i))
			in := b.sub(f)
			a.pub(core.Topic(f), "a", 1)
			d.pub(core.Topic(f), "d", 1)
			if got := in.take(); len(got) != 2 {
				t.Fatalf("%s: got %v", f, got)
			}
		}
		if n := b.visible.timeouts; n != 0 {
			t.Errorf("%d subscriptions gave up waiting", n)
		}
	})
}

func TestSubackGivesUpOnASlowPeerAfterItsTime(t *testing.T) {
	bubble(t, func(c *cluster) {
		_, b, _ := c.three()
		c.net.Delay("n1:1", "n2:1", 400*time.Millisecond, 0)
		time.Sleep(time.Second)
		begin := time.Now()
		b.sub("slow")
		if took := time.Since(begin); took < 240*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("visible after %s, want 250ms", took)
		}
		if b.visible.timeouts != 1 {
			t.Errorf("timeouts counted: %d", b.visible.timeouts)
		}
	})
}

func TestOrderPerPublisherAcrossTopics(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		in := b.sub("#")
		for i := range 3000 {
			m := &core.Message{Topic: core.Topic(fmt.Sprint("t/", i%7)), Payload: []byte(fmt.Sprint(i)), QoS: core.QoS(i % 2)}
			if err := a.Publish(t.Context(), m, then(func() {})); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		got := in.take()
		if len(got) != 3000 {
			t.Fatalf("%d messages", len(got))
		}
		for i, m := range got {
			if !strings.Contains(m, fmt.Sprintf("=%d/", i)) {
				t.Fatalf("message %d is %s", i, m)
			}
		}
	})
}

func TestKilledNode(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		in, gone := b.sub("live"), d.sub("gone", "live")
		d.kill()
		if took := a.pub("live", "1", 1); took > 2*time.Second {
			t.Errorf("a publish with a match on the killed node took %s", took)
		}
		if took := a.pub("none", "1", 1); took > 0 {
			t.Errorf("a publish without a match took %s", took)
		}
		time.Sleep(2 * time.Second)
		if got := a.states(); got != "n1:alive n2:alive n3:failed" {
			t.Errorf("after 2 s: %s", got)
		}
		if a.count.incomplete.Load() != 1 {
			t.Errorf("incomplete publishes counted: %d", a.count.incomplete.Load())
		}
		if len(in.take()) != 1 || len(gone.take()) != 0 {
			t.Error("the live session missed the message, or the dead one got it")
		}
		c.start("n3")
		time.Sleep(3 * time.Second)
		c.one("n1", "n2", "n3")
		c.sameTables("n1", "n2", "n3")
		if r := a.Routes(); len(r) != 1 {
			t.Errorf("routes of the former life are left: %v", r)
		}
		back := c.nodes["n3"].sub("gone")
		a.pub("gone", "2", 1)
		if got := back.take(); !slices.Equal(got, []string{"gone=2/1"}) {
			t.Errorf("after the return: %v", got)
		}
	})
}

func TestStoppedNodeIsLeftAtOnceAndReturns(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		d.halt()
		synctest.Wait()
		for _, n := range []*testNode{a, b} {
			if got := n.states(); got != "n1:alive n2:alive n3:left" {
				t.Errorf("%s: %s", n.name, got)
			}
		}
		uid := a.Cluster().UID
		c.seeds = nil // the way back is remembered
		c.start("n3")
		time.Sleep(2 * time.Second)
		c.one("n1", "n2", "n3")
		if c.nodes["n3"].Cluster().UID != uid {
			t.Error("another cluster")
		}
	})
}

// Two halves cut for 20 s: both serve, and are one again within 5 s, tables
// equal, nothing of what the link still owed lost.
func TestSplitHeals(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		ina, ind := a.sub("t/a"), d.sub("t/d")
		for round := range 3 {
			c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
			time.Sleep(6 * time.Second)
			if got := a.states() + "|" + d.states(); got != "n1:alive n2:alive n3:failed|n1:failed n2:failed n3:alive" {
				t.Fatalf("in the split: %s", got)
			}
			b.pub("t/a", "in", 1)
			newa, newd := core.Filter(fmt.Sprint("new/a", round)), core.Filter(fmt.Sprint("new/d", round))
			a.sub(newa)
			d.sub(newd)
			time.Sleep(14 * time.Second)
			c.net.HealAll()
			time.Sleep(5 * time.Second)
			c.one("n1", "n2", "n3")
			c.sameTables("n1", "n2", "n3")
			b.pub("t/d", "out", 1)
			if len(ina.take()) != 1 || len(ind.take()) != 1 {
				t.Error("messages after the heal")
			}
		}
	})
}

// What was published at QoS 1 while the peer was only suspect waits in the
// lane and arrives once, in order, when the link returns.
func TestShortCutLosesNothing(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		in := d.sub("q")
		for round := range 20 {
			c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
			pending := make(chan struct{}, 100)
			for i := range 100 {
				m := &core.Message{Topic: "q", Payload: []byte(fmt.Sprint(round*100 + i)), QoS: 1}
				if err := a.Publish(t.Context(), m, then(func() { pending <- struct{}{} })); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Duration(round) * 150 * time.Millisecond)
			c.net.HealAll()
			for i := range 100 {
				select {
				case <-pending:
				case <-time.After(time.Minute):
					t.Fatalf("round %d: acknowledgement %d is missing", round, i)
				}
			}
		}
		got := in.take()
		if len(got) != 2000 {
			t.Fatalf("%d messages of 2000", len(got))
		}
		for i, m := range got {
			if m != fmt.Sprintf("q=%d/1", i) {
				t.Fatalf("message %d is %s", i, m)
			}
		}
		if a.count.laneGaps.Load() != 0 {
			t.Error("gaps")
		}
	})
}

func TestSameClientAtAnotherNodeClosesTheFirst(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		a.connectClient("x")
		synctest.Wait() // the claim is known to all, as when a client moves
		b.connectClient("x")
		synctest.Wait()
		if a.front.has("x") || !b.front.has("x") {
			t.Error("the first connection must close, the second stay")
		}
		c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
		time.Sleep(10 * time.Second)
		d.connectClient("x") // in the other half
		c.net.HealAll()
		time.Sleep(5 * time.Second)
		if b.front.has("x") || !d.front.has("x") {
			t.Error("after the heal the later claim must win")
		}
	})
}

// Two connections made at the same instant: the tokens agree on one of them.
func TestSimultaneousClaimsLeaveOne(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		for i := range 50 {
			id := fmt.Sprint("c", i)
			var wg sync.WaitGroup
			for _, n := range []*testNode{a, b, d} {
				wg.Go(func() { n.connectClient(id) })
			}
			wg.Wait()
			synctest.Wait()
			left := 0
			for _, n := range []*testNode{a, b, d} {
				if n.front.has(id) {
					left++
				}
			}
			if left != 1 {
				t.Fatalf("%s is connected at %d nodes", id, left)
			}
		}
	})
}
