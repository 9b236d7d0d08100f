package node

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
)

// A node that was removed while it was down is told so when it knocks, even
// when its clock is behind cluster time by more than a stamp may be ahead.
func TestFenceToldToANodeWhoseClockIsBehind(t *testing.T) {
	bubble(t, func(c *cluster) {
		ahead := core.StampAt(time.Now().Add(24 * time.Hour)) // the founder's clock
		c.tweak = func(o *Options) { o.Saved.Now = max(o.Saved.Now, ahead) }
		a, _, d := c.three()
		c.tweak = nil
		d.halt()
		time.Sleep(time.Hour)
		if err := a.ForceLeave(t.Context(), "n3@n3"); err != nil {
			t.Fatal(err)
		}
		d = c.start("n3")
		time.Sleep(20 * time.Second)
		if got := d.states(); got != "n3:alive" || d.Cluster() == a.Cluster() {
			t.Errorf("the removed node does not know it: %s", got)
		}
	})
}

// A node leaves while nobody hears it. Its former peers find out when they
// reach it: its welcome says that it left.
func TestLeaveUnheard(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1"})
		time.Sleep(7 * time.Second)
		if err := d.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.net.HealAll()
		time.Sleep(30 * time.Second)
		if got := a.states() + "|" + b.states() + "|" + d.states(); got != "n1:alive n2:alive|n1:alive n2:alive|n3:alive" {
			t.Errorf("states: %s", got)
		}
	})
}

// `cluster join` moves a node alone. A former peer that dials it meanwhile
// must not pull it back, and its old cluster must not be merged.
func TestJoinIsNotPulledBack(t *testing.T) {
	for phase := time.Duration(0); phase < 3*time.Second; phase += 250 * time.Millisecond {
		bubble(t, func(c *cluster) { joinWhileDialled(c, phase) })
	}
}

// joinWhileDialled lets n3 move to n4, which is far away, while n2, which has
// lost n3 and dials it again and again, reaches it meanwhile.
func joinWhileDialled(c *cluster, phase time.Duration) {
	x1, x2, d, y := c.manual("n1"), c.manual("n2"), c.manual("n3"), c.manual("n4")
	for _, n := range []*testNode{x2, d} {
		if err := n.Join(context.Background(), "n1:1"); err != nil {
			c.t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	c.net.Cut("n2:1", "n3:1")
	time.Sleep(7*time.Second + phase)
	c.net.Delay("n3:1", "n4:1", 100*time.Millisecond, 0)
	c.net.Delay("n4:1", "n3:1", 100*time.Millisecond, 0)
	healed := time.AfterFunc(1200*time.Millisecond, func() { c.net.HealAll() })
	defer healed.Stop()
	err := d.Join(context.Background(), "n4:1")
	time.Sleep(10 * time.Second)
	if d.Cluster() != y.Cluster() || err != nil {
		c.t.Errorf("phase %s: join: %v; n3 is in %v, n4 in %v, n1 in %v", phase, err, d.Cluster().UID, y.Cluster().UID, x1.Cluster().UID)
	}
	if x1.Cluster() == y.Cluster() {
		c.t.Errorf("phase %s: the whole old cluster was merged", phase)
	}
	c.one("n1", "n2")
}

// A merge that is refused for good is tried again, but not many times a
// second for ever.
func TestRefusedMergeSlowsDown(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.seeds = []string{"n1:1"}
		a := c.start("n1")
		<-a.Formed()
		c.tweak = func(o *Options) { o.Saved.Name, o.Form.Expect = "n1@n1", 9 } // a name that is taken, and no founding
		c.seeds = []string{"n1:1", "n2:1"}
		c.start("n2")
		time.Sleep(20 * time.Second)
		before := a.count.hellosRefused.Load()
		time.Sleep(10 * time.Minute)
		if n := a.count.hellosRefused.Load() - before; n > 200 {
			t.Errorf("%d refused joins in 10 minutes", n)
		}
	})
}

// The lists of merged clusters are bounded. Two nodes with long lists that
// differ must not tell each other news for ever.
func TestMergedListsComeToRest(t *testing.T) {
	bubble(t, func(c *cluster) {
		uids := func(from, to int) (out []core.UID) {
			for i := from; i < to; i++ {
				out = append(out, core.UID{0: 0xee, 1: byte(i)})
			}
			return out
		}
		c.seeds = []string{"n1:1", "n2:1"}
		cl := core.Cluster{UID: core.UID{0: 0xcc}, Founded: 1}
		lists := map[string][]core.UID{"n1:1": uids(0, autocluster.MaxMerged), "n2:1": uids(autocluster.MaxMerged/2, autocluster.MaxMerged*3/2)}
		c.tweak = func(o *Options) {
			o.Saved.Cluster = cl
			o.Saved.Merged = lists[o.Transport.Addr()]
		}
		for _, name := range []string{"n1", "n2"} {
			for _, other := range []string{"n1", "n2"} {
				c.net.Delay(name+":1", other+":1", time.Millisecond, 0)
			}
		}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(3 * time.Second)
		c.one("n1", "n2")
		seen := func() string {
			a.Node.mu.Lock()
			defer a.Node.mu.Unlock()
			b.Node.mu.Lock()
			defer b.Node.mu.Unlock()
			return fmt.Sprint(a.merged, b.merged)
		}
		first := seen()
		for range 5 {
			time.Sleep(time.Second + 777*time.Microsecond)
			if seen() != first {
				t.Fatal("the lists still change")
			}
		}
	})
}

// Under `manual`, after a failed join, the node must not take its whole new
// surroundings along: it alone moves.
func TestJoinOfASilentTarget(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.manual("n1"), c.manual("n2")
		if err := b.Join(t.Context(), "n1:1"); err != nil {
			t.Fatal(err)
		}
		y := c.manual("n3")
		c.net.Delay("n2:1", "n3:1", 300*time.Millisecond, 0) // the probe takes its time
		c.net.Delay("n3:1", "n2:1", 10*time.Millisecond, 0)
		cut := time.AfterFunc(950*time.Millisecond, func() { c.net.Cut("n2:1", "n3:1") })
		defer cut.Stop()
		err := b.Join(context.Background(), "n3:1")
		t.Log("join:", err)
		time.Sleep(20 * time.Second)
		c.net.HealAll()
		c.net.Delay("n2:1", "n3:1", 0, 0)
		time.Sleep(time.Minute)
		if a.Cluster() == y.Cluster() {
			t.Error("the old cluster was merged by a join")
		}
		t.Log(a.states(), "|", b.states(), "|", y.states())
	})
}

// Somebody else at a member's old address: dialling it must not disturb the
// link that we have with whoever is there now.
func TestAnotherNodeAtAnOldAddress(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		d.kill()
		time.Sleep(8 * time.Second)
		c.tweak = func(o *Options) { o.Transport = c.net.Endpoint("n3:1") }
		e := c.start("n4")
		time.Sleep(20 * time.Second)
		link := func(n *testNode) *link {
			n.Node.mu.Lock()
			defer n.Node.mu.Unlock()
			if p := n.peers[e.opts.Saved.UID]; p != nil {
				return p.link
			}
			return nil
		}
		la, lb := link(a), link(b)
		time.Sleep(30 * time.Second)
		if la == nil || lb == nil || la != link(a) || lb != link(b) {
			t.Error("the link to the new node is replaced again and again, or missing")
		}
		if !strings.HasPrefix(a.states(), "n1:alive n2:alive n3:failed n4:alive") {
			t.Errorf("states: %s", a.states())
		}
	})
}

// Claims of many clients with long names travel in frames that fit.
func TestClaimsOfLongClientIDs(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.seeds = []string{"n1:1", "n2:1"}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(2 * time.Second)
		for i := range 400 {
			a.connectClient(fmt.Sprintf("%d-%s", i, strings.Repeat("x", 65_000)))
		}
		time.Sleep(time.Second)
		c.net.Split([]string{"n1:1"}, []string{"n2:1"})
		time.Sleep(10 * time.Second)
		for id := range a.front.conns {
			b.connectClient(id)
		}
		c.net.HealAll()
		time.Sleep(20 * time.Second)
		c.one("n1", "n2")
		if n := len(a.front.conns); n != 0 {
			t.Errorf("%d clients are still connected on both sides of the former split", n)
		}
	})
}

// A stamp from the end of time, from a node with the cookie, must not break
// the clocks of the others.
func TestWelcomeFromTheEndOfTime(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		c.tweak = func(o *Options) { o.Saved.Now = 1<<64 - 1 }
		c.start("n4")
		time.Sleep(3 * time.Second)
		a.Node.mu.Lock()
		first := a.stamp()
		second := a.stamp()
		a.Node.mu.Unlock()
		if second <= first {
			t.Errorf("stamps fall: %d, then %d", first, second)
		}
		in := b.sub("z")
		c.nodes["n3"].halt()
		c.start("n3")
		time.Sleep(5 * time.Second)
		c.nodes["n3"].pub("z", "1", 1)
		synctest.Wait()
		if len(in.take()) != 1 {
			t.Error("not delivered")
		}
	})
}
