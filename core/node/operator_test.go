package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/discovery"
)

// manual starts a node that founds its own cluster at once.
func (c *cluster) manual(name string) *testNode {
	c.tweak = func(o *Options) { o.Form.Manual, o.Sources = true, nil }
	n := c.start(name)
	<-n.Formed()
	return n
}

func TestManualJoinAndLeave(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.manual("n1"), c.manual("n2"), c.manual("n3")
		in := b.sub("k")
		if err := b.Join(t.Context(), "n1@n1:1"); err != nil {
			t.Fatal(err)
		}
		if err := d.Join(t.Context(), "n2:1"); err != nil { // any member will do
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.one("n1", "n2", "n3")
		d.pub("k", "1", 1)
		if len(in.take()) != 1 {
			t.Error("a join must keep the joiner's sessions")
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.one("n1", "n3")
		c.one("n2")
		if b.states() != "n2:alive" || a.states() != "n1:alive n3:alive" {
			t.Errorf("after the leave: %s; %s", a.states(), b.states())
		}
		b.halt()
		b = c.start("n2")
		time.Sleep(20 * time.Second)
		c.one("n1", "n3") // stays out after a restart
		if err := b.Join(t.Context(), "n3:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.one("n1", "n2", "n3")
	})
}

func TestJoinSaysWhatIsWrong(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.manual("n1"), c.manual("n2")
		c.tweak = func(o *Options) { o.Form.Manual, o.Sources, o.Key = true, nil, wire.Key{9} }
		c.start("n3")
		time.Sleep(time.Second)
		c.net.Cut("n1:1", "n2:1")
		for target, want := range map[string]string{
			"n1@n1": "already joined: n1@n1 is this node", "n1:1": "is this node", "n9:1": "refused", "n2:1": "did not answer",
			"n3:1": "cookie",
		} {
			if err := a.Join(t.Context(), target); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("join %s: %v, want %q", target, err, want)
			}
		}
		c.net.HealAll()
		if err := a.Join(t.Context(), "n2:1"); err != nil {
			t.Fatal(err)
		}
		if err := a.Join(t.Context(), "n2:1"); !errors.Is(err, ErrSameName) {
			t.Errorf("second join: %v", err)
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if err := b.Leave(t.Context()); !errors.Is(err, ErrAlone) {
			t.Errorf("second leave: %v", err)
		}
	})
}

func TestForceLeaveRunningAndStopped(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		if err := a.ForceLeave(t.Context(), "n3@n3"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		c.one("n1", "n2")
		if d.Cluster() == a.Cluster() || d.states() != "n3:alive" {
			t.Errorf("the removed node: %s", d.states())
		}
		if err := d.Join(t.Context(), "n2:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.one("n1", "n2", "n3")
		d.kill()
		time.Sleep(3 * time.Second)
		if err := a.ForceLeave(t.Context(), "n3@n3"); err != nil {
			t.Fatal(err)
		}
		d = c.start("n3")
		time.Sleep(10 * time.Second)
		c.one("n1", "n2") // fenced in its next incarnation too
		if d.Cluster() == a.Cluster() {
			t.Error("it must be told when it knocks")
		}
		if err := a.ForceLeave(t.Context(), "n3@n3"); err == nil {
			t.Error("force-leave of a stranger must fail")
		}
	})
}

// `muster join` merges two whole clusters; nobody leaves, nothing is lost.
func TestMergeTwoClusters(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d, e := c.manual("n1"), c.manual("n2"), c.manual("n3"), c.manual("n4")
		if err := errors.Join(b.Join(t.Context(), "n1:1"), e.Join(t.Context(), "n3:1")); err != nil {
			t.Fatal(err)
		}
		in := e.sub("all/#")
		time.Sleep(time.Second)
		met, err := b.Merge(t.Context(), []string{"n4:1", "n9:1"})
		if met != 1 || err != nil {
			t.Fatalf("met %d, %v", met, err)
		}
		time.Sleep(2 * time.Second)
		c.one("n1", "n2", "n3", "n4")
		a.pub("all/1", "x", 1)
		d.pub("all/2", "y", 1)
		if got := in.take(); !slices.Equal(got, []string{"all/1=x/1", "all/2=y/1"}) {
			t.Errorf("got %v", got)
		}
		if _, err := a.Merge(t.Context(), []string{"n9:1"}); !errors.Is(err, ErrNoContacts) {
			t.Errorf("merge with nobody: %v", err)
		}
	})
}

// A node that was away while its cluster was merged into another follows when
// it returns.
func TestReturnAfterAMerge(t *testing.T) {
	bubble(t, func(c *cluster) {
		_, b, d := c.manual("n1"), c.manual("n2"), c.manual("n3")
		if err := d.Join(t.Context(), "n2:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.kill()
		time.Sleep(3 * time.Second)
		if _, err := b.Merge(t.Context(), []string{"n1:1"}); err != nil {
			t.Fatal(err)
		}
		c.start("n3")
		time.Sleep(3 * time.Second)
		c.one("n1", "n2", "n3")
	})
}

func TestAutocleanForgetsAStoppedNode(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Membership.Autoclean = 10 * time.Second }
		a, b, d := c.three()
		d.halt()
		time.Sleep(9 * time.Second)
		if got := a.states(); got != "n1:alive n2:alive n3:left" {
			t.Errorf("before its time: %s", got)
		}
		time.Sleep(3 * time.Second)
		if got := a.states() + "|" + b.states(); got != "n1:alive n2:alive|n1:alive n2:alive" {
			t.Errorf("after its time: %s", got)
		}
	})
}

// With a port mapper, what has no port is left to the transport.
func TestMappedAddresses(t *testing.T) {
	o := Options{PortMapper: true, Saved: Saved{Name: "self3@x"}}
	for target, want := range map[string]string{
		"a@h": "a@h", "a7@h:99": "h:99", "h": "@h", "h:1": "h:1", "a@[::1]": "a@::1", "a@::1": "a@::1", "::1": "@::1", "[::1]:5": "[::1]:5",
	} {
		if got, err := o.addresses(target); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	if got, err := o.addresses("a:b:c"); err == nil {
		t.Errorf("%v", got)
	}
	c := discovery.Candidate{ClaimedName: "n1@h", Endpoints: []discovery.Endpoint{{Host: "10.0.0.1"}, {Host: "10.0.0.1", Port: 7}}}
	if got := o.candidateAddrs(c); !slices.Equal(got, []string{"n1@10.0.0.1", "10.0.0.1:7"}) {
		t.Error(got)
	}
	c.ClaimedName = ""
	if got := o.candidateAddrs(c); !slices.Equal(got, []string{"@10.0.0.1", "10.0.0.1:7"}) {
		t.Error(got)
	}
}

func TestAddresses(t *testing.T) {
	for target, want := range map[string][]string{
		"a@h": {"h:4370"}, "a7@h": {"h:4377", "h:4370"}, "a7@h:99": {"h:99"}, "h": {"h:4373", "h:4370"}, "h:1": {"h:1"},
		"a@[::1]": {"[::1]:4370"}, "a@[::1]:5": {"[::1]:5"}, "::1": {"[::1]:4373", "[::1]:4370"},
		"00112233-4455-6677-8899-aabbccddeeff": {"00112233-4455-6677-8899-aabbccddeeff"},
	} {
		if got, err := addresses(target, "self3@x"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	for _, target := range []string{"", "a@", "a:b:c", "x@a:b:c"} {
		if got, err := addresses(target, "self3@x"); err == nil {
			t.Errorf("%q: %v", target, got)
		}
	}
}

// A node that was refused as removed by one of its own cluster, whom it did not
// know, is told to stay alone; the first link with its cluster takes that back.
func TestNotLeftAmongItsOwn(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		b.Node.mu.Lock()
		b.refusedBy(&RefusedError{UID: core.UID{0: 9}, Name: "n9@n9", Code: wire.RefuseFenced})
		left := b.left
		b.peers[a.opts.Saved.UID].link.end()
		b.release()
		if !left {
			t.Error("it must keep away from a cluster that has removed it")
		}
		time.Sleep(2 * time.Second)
		c.one("n1", "n2")
		b.mu.Lock()
		saved := b.saved.Left
		b.mu.Unlock()
		if b.isLeft() || saved {
			t.Error("it is in its cluster and thinks that it has left")
		}
	})
}

// A node whose data directory is older than it was begins as an earlier process
// did, which the others know. It ends at once instead of being passed over, and
// the next start is a new one.
func TestOlderDirectory(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		b.halt()
		backup := b.saved
		b = c.start("n2")
		for i := range 20 {
			b.sub(core.Filter(fmt.Sprint("of the later one/", i)))
		}
		time.Sleep(2 * time.Second)
		b.kill()
		b.saved, b.ends = backup, ErrOutrun
		b = c.start("n2")
		<-b.ended
		b.ends = nil
		b = c.start("n2")
		time.Sleep(2 * time.Second)
		c.one("n1", "n2")
		in := b.sub("x")
		a.pub("x", "1", 1)
		time.Sleep(time.Second)
		if got := in.take(); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}
