package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// cutOff cuts the ways between one node and others, both ways.
func (c *cluster) cutOff(one string, others ...string) {
	for _, o := range others {
		c.net.Cut(one+":1", o+":1")
		c.net.Cut(o+":1", one+":1")
	}
}

func (c *cluster) heal(one, other string) {
	c.net.Heal(one+":1", other+":1")
	c.net.Heal(other+":1", one+":1")
}

// via returns the name of the node that the link of n to a peer goes through;
// "" if it is direct, "none" without a link.
func (n *testNode) via(to *testNode) string {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	p := n.peers[to.opts.Saved.UID]
	switch {
	case p == nil || p.link == nil:
		return "none"
	case p.link.via.IsZero():
		return ""
	}
	return n.members.Name(p.link.via).Name()
}

// relaysNow is how many connections n passes on for others.
func (n *testNode) relaysNow() int {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	return len(n.relays.list) + n.relays.opening
}

// flow publishes messages with increasing numbers from each of the nodes, as
// their publishers p0, p1, …, one each 20 ms.
func flow(t *testing.T, nodes []*testNode, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		for k, n := range nodes {
			m := core.Message{Topic: core.Topic(fmt.Sprintf("p%d/x", k)), Payload: fmt.Appendf(nil, "%d/", i), QoS: core.QoS(1 + i%2)}
			if err := n.from(fmt.Sprint("p", k), m, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Where A-C is cut but A-B-C lives the cluster stays one, and messages arrive,
// once and in order, before, through and after the cut; on its own lanes too.
func TestRelayCarriesAll(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.DataLanes = 2 }
		a, b, d := c.three()
		ins := []*inbox{a.sub("#"), b.sub("#"), d.sub("#")}
		nodes := []*testNode{a, b, d}
		flow(t, nodes, 0, 50)
		c.cutOff("n1", "n3")
		flow(t, nodes, 50, 300)
		c.one("n1", "n2", "n3")
		if a.via(d) != "n2" || d.via(a) != "n2" || a.via(b) != "" {
			t.Errorf("links go through %q, %q and %q", a.via(d), d.via(a), a.via(b))
		}
		if got := b.relaysNow(); got != 3 { // the link and two lanes
			t.Errorf("n2 passes on %d connections", got)
		}
		c.one("n1", "n2", "n3")
		c.sameTables("n1", "n2", "n3")
		c.heal("n1", "n3")
		flow(t, nodes, 300, 600)
		if a.via(d) != "" || d.via(a) != "" || b.relaysNow() != 0 {
			t.Errorf("after the heal links go through %q and %q, n2 passes on %d", a.via(d), d.via(a), b.relaysNow())
		}
		time.Sleep(time.Second)
		for _, in := range ins {
			inOrder(t, in, 3, 600)
		}
		if b.counted("frames_relayed_total", "") < 100 || b.counted("bytes_relayed_total", "") < 1000 ||
			b.counted("relays_opened_total", "") < 3 || b.counted("relays_opened_total", "") != b.counted("relays_closed_total", "ended") {
			t.Errorf("n2 counts %v", b.Counters())
		}
		if a.counted("links_relayed_total", "")+d.counted("links_relayed_total", "") < 2 {
			t.Error("relayed links are not counted")
		}
	})
}

// A subscription made behind a relay is visible, and what is retained crosses.
func TestRelayCarriesTables(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		c.cutOff("n1", "n3")
		time.Sleep(5 * time.Second)
		in := d.sub("late/#")
		a.keepMessage("late/r", "kept", 1, nil)
		if took := a.pub("late/x", "1", 1); took > time.Second {
			t.Errorf("a publish through the relay took %s", took)
		}
		time.Sleep(time.Second)
		if got := in.take(); len(got) != 2 {
			t.Errorf("got %v", got)
		}
		c.holdAll([]string{"late/r=kept"}, "n1", "n2", "n3")
	})
}

// The node between dies: another one takes its place, and nothing is lost. When
// the last one has gone the two have failed for one another.
func TestRelayIsReplaced(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.seeds = []string{"n1:1", "n2:1", "n3:1", "n4:1"}
		for _, name := range []string{"n1", "n2", "n3", "n4"} {
			c.start(name)
		}
		time.Sleep(3 * time.Second)
		c.one("n1", "n2", "n3", "n4")
		a, d := c.nodes["n1"], c.nodes["n4"]
		in := d.sub("#")
		c.cutOff("n1", "n4")
		flow(t, []*testNode{a}, 0, 250)
		first := a.via(d)
		c.nodes[first].kill()
		flow(t, []*testNode{a}, 250, 600)
		second := map[string]string{"n2": "n3", "n3": "n2"}[first]
		if second == "" || a.via(d) != second || d.via(a) != second {
			t.Fatalf("through %q first, then %q and %q", first, a.via(d), d.via(a))
		}
		time.Sleep(time.Second)
		inOrder(t, in, 1, 600)
		c.nodes[second].kill()
		time.Sleep(10 * time.Second)
		if got := a.states(); got != "n1:alive n2:failed n3:failed n4:failed" {
			t.Error(got)
		}
	})
}

// A node that does not relay is not asked, so the two fail for one another.
func TestRelayNeedsItsFeature(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.older("n2")
		a, b, d := c.three()
		c.cutOff("n1", "n3")
		time.Sleep(10 * time.Second)
		if a.via(d) != "none" || b.counted("relays_opened_total", "")+b.counted("relays_refused_total", "no_way") != 0 {
			t.Errorf("link through %q", a.via(d))
		}
		if got := a.states(); got != "n1:alive n2:alive n3:failed" {
			t.Error(got)
		}
	})
}

// What a node passes on is bounded; what is refused is counted, and tried again
// until there is room.
func TestRelaysAreBounded(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		b.Node.mu.Lock()
		b.relays.opening = maxRelays
		b.Node.mu.Unlock()
		c.cutOff("n1", "n3")
		time.Sleep(10 * time.Second)
		if a.via(d) != "none" || b.counted("relays_refused_total", "too_many") == 0 {
			t.Errorf("link through %q, %d refused", a.via(d), b.counted("relays_refused_total", "too_many"))
		}
		b.Node.mu.Lock()
		b.relays.opening = 0
		b.Node.mu.Unlock()
		time.Sleep(5 * time.Second)
		c.one("n1", "n2", "n3")
		if a.via(d) != "n2" {
			t.Errorf("link through %q", a.via(d))
		}
	})
}

// A relay whose one end takes nothing in any more is closed, so that nothing of
// it stays.
func TestStuckRelayIsClosed(t *testing.T) {
	bubble(t, func(c *cluster) {
		_, b, _ := c.three()
		c.cutOff("n1", "n3")
		time.Sleep(5 * time.Second)
		c.net.CutLossy("n2:1", "n3:1")
		c.net.CutLossy("n3:1", "n2:1")
		time.Sleep(10 * time.Second)
		if got := b.relaysNow(); got != 0 {
			t.Errorf("n2 passes on %d connections", got)
		}
		c.heal("n2", "n3")
		time.Sleep(5 * time.Second)
		c.one("n1", "n2", "n3")
	})
}

// blockedEnd is an end that takes nothing in; it gives one frame, if it may.
type blockedEnd struct {
	transport.Link
	frames chan []byte
	closed chan struct{}
}

func newBlockedEnd(frames ...[]byte) *blockedEnd {
	e := &blockedEnd{frames: make(chan []byte, len(frames)), closed: make(chan struct{})}
	for _, f := range frames {
		e.frames <- f
	}
	return e
}

func (e *blockedEnd) Receive() ([]byte, error) {
	select {
	case f := <-e.frames:
		return f, nil
	case <-e.closed:
		return nil, transport.ErrClosed
	}
}

func (e *blockedEnd) Send(...[]byte) error { <-e.closed; return transport.ErrClosed }

func (e *blockedEnd) Close() error {
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	return nil
}

// While a frame waits for an end that does not read, nobody hears that the
// other one is gone: only the silence tells.
func TestBlockedRelayIsClosed(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _ := c.two()
		r := &relay{from: "x@x", to: "y@y", began: time.Now(), ends: [2]transport.Link{newBlockedEnd([]byte("frame")), newBlockedEnd()}}
		r.running.Store(2)
		defer r.close()
		a.Node.mu.Lock()
		a.relays.list = append(a.relays.list, r)
		a.Node.mu.Unlock()
		for i := range r.ends {
			a.Node.start(func() { a.passes(r, i) })
		}
		time.Sleep(relaySilence - time.Second)
		if a.relaysNow() != 1 {
			t.Error("closed too soon")
		}
		time.Sleep(2 * time.Second)
		if a.relaysNow() != 0 || a.counted("relays_closed_total", "silent") != 1 {
			t.Errorf("%d relays, %d closed", a.relaysNow(), a.counted("relays_closed_total", "silent"))
		}
	})
}

// Of a direct and a relayed link the direct one stays; of two alike, the lower
// uid's; none of an earlier start.
func TestLinkThatStays(t *testing.T) {
	low, high, via := core.UID{0: 1}, core.UID{0: 2}, core.UID{0: 9}
	for _, c := range []struct {
		old, came core.UID // who dialled
		oldVia    core.UID
		newVia    core.UID
		inc       core.Incarnation
		want      bool
	}{
		{low, high, core.UID{}, core.UID{}, 1, true},
		{high, low, core.UID{}, core.UID{}, 1, false},
		{low, high, via, via, 1, true},
		{high, low, via, via, 1, false},
		{high, low, core.UID{}, via, 1, true},
		{low, high, core.UID{}, via, 1, true},
		{low, high, via, core.UID{}, 1, false},
		{low, high, core.UID{}, via, 2, false},
	} {
		l := &link{dialler: c.old, via: c.oldVia, inc: 1}
		if got := l.stays(&conn{dialler: c.came, via: c.newVia, who: wire.Identity{Incarnation: c.inc}}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// asks makes a proved connection from a node to another whose welcome wants a
// relay, and returns what it is told.
func (c *cluster) asks(from, to *testNode, what wire.Relay) (*conn, wire.Welcome, error) {
	c.t.Helper()
	tl, err := from.opts.Transport.Dial(c.t.Context(), to.name+":1")
	if err != nil {
		c.t.Fatal(err)
	}
	k, err := from.hello(tl, wire.Dialler)
	if err != nil {
		c.t.Fatal(err)
	}
	w, err := k.exchange(wire.Welcome{Cluster: from.Cluster(), Now: from.stamp(), Addr: from.name + ":1", Relay: what})
	return k, w, err
}

// Nobody is relayed to a node that is no peer, to himself, to the node between,
// or by one who is a stranger; each is refused by name.
func TestRelayRefusals(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		stranger := &testNode{c: c, name: "n9"}
		o := a.opts
		o.Saved = Saved{UID: core.UID{0: 9}, Name: "n9@n9", Incarnation: 1, Cluster: a.Cluster()}
		o.Store, o.Transport, o.Advertise, o.Sources = stranger, c.net.Endpoint("n9:1"), "n9:1", nil
		var err error
		if stranger.Node, err = New(o); err != nil {
			t.Fatal(err)
		}
		uid := func(n *testNode) core.UID { return n.opts.Saved.UID }
		for name, try := range map[string]struct {
			from *testNode
			what wire.Relay
		}{
			"no peer":          {a, wire.Relay{Kind: wire.RelayTo, UID: core.UID{0: 99}}},
			"himself":          {a, wire.Relay{Kind: wire.RelayTo, UID: uid(a)}},
			"the node between": {a, wire.Relay{Kind: wire.RelayTo, UID: uid(b)}},
			"a stranger to":    {stranger, wire.Relay{Kind: wire.RelayTo, UID: uid(d)}},
			"a stranger from":  {stranger, wire.Relay{Kind: wire.RelayFrom, UID: uid(d), Name: "n3@n3"}},
			"an answer":        {a, wire.Relay{Kind: wire.RelayStands, UID: uid(d), Name: "n3@n3"}},
		} {
			if _, w, err := c.asks(try.from, b, try.what); refusalCode(err) != wire.RefuseRelay {
				t.Errorf("%s: %+v, %v", name, w.Relay, err)
			}
		}
		time.Sleep(10 * time.Second)
		if b.relaysNow() != 0 || b.counted("relays_refused_total", "no_way") != 4 {
			t.Errorf("%d relays, %d refused", b.relaysNow(), b.counted("relays_refused_total", "no_way"))
		}
		c.one("n1", "n2", "n3")
	})
}

// Who comes through a relay must be who the node between says, by uid and name.
func TestRelayVouches(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		for _, told := range []wire.Relay{
			{Kind: wire.RelayFrom, UID: core.UID{0: 77}, Name: d.opts.Saved.Name},
			{Kind: wire.RelayFrom, UID: d.opts.Saved.UID, Name: "other@n3"},
		} {
			k, w, err := c.asks(b, a, told)
			if err != nil || w.Relay.Kind != wire.RelayStands || w.Relay.Name != a.opts.Saved.Name {
				t.Fatalf("%+v, %v", w.Relay, err)
			}
			l := &relayedLink{Link: k.tl, via: b.opts.Saved.UID, to: a.opts.Saved.UID, name: a.opts.Saved.Name}
			if e, err := d.hello(l, wire.Dialler); err == nil { // the proof holds, so the dialler sees nothing yet
				if _, err = e.exchange(d.welcome(e, intent{})); err == nil {
					t.Errorf("%+v was believed", told)
				}
			}
		}
		wrong := &relayedLink{to: core.UID{0: 77}, name: "x@y"}
		if _, err := vouched(wrong, wire.Identity{UID: core.UID{0: 78}, Name: "x@y"}); err == nil {
			t.Error("another uid was believed")
		}
		if info := (&relayedLink{Link: encrypted{}, name: "x@y"}).Info(); info.Encrypted || info.Exporter != nil || info.CertNames != nil ||
			!strings.Contains(info.Remote, "x@y through") {
			t.Errorf("a relayed link is %+v", info)
		}
	})
}

// encrypted is a link that says so.
type encrypted struct{ transport.Link }

func (encrypted) Info() transport.Info {
	return transport.Info{Remote: "r", Encrypted: true, Exporter: []byte{1}, CertNames: []string{"h"}}
}

// A chain of four nodes: one between is the most, and it is never one that is
// reached through another itself.
func TestRelayOneHopOnly(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.seeds = []string{"n1:1", "n2:1", "n3:1", "n4:1"}
		names := []string{"n1", "n2", "n3", "n4"}
		for _, name := range names {
			c.start(name)
		}
		time.Sleep(3 * time.Second)
		c.one(names...)
		c.cutOff("n1", "n3", "n4")
		c.cutOff("n2", "n4")
		time.Sleep(20 * time.Second)
		ways := []string{c.nodes["n1"].via(c.nodes["n3"]), c.nodes["n2"].via(c.nodes["n4"]), c.nodes["n1"].via(c.nodes["n4"])}
		if !slices.Equal(ways, []string{"n2", "n3", "none"}) {
			t.Errorf("links go through %q", ways)
		}
		c.net.HealAll()
		time.Sleep(5 * time.Second)
		c.one(names...)
		for _, n := range c.nodes {
			if n.relaysNow() != 0 {
				t.Errorf("%s passes on %d connections", n.name, n.relaysNow())
			}
		}
	})
}
