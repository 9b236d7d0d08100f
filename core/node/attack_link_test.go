package node

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// holed is a transport whose present links can be made to swallow everything,
// as a firewall does that has forgotten a connection: new ones work.
type holed struct {
	transport.Transport
	mu    sync.Mutex
	links []*holedLink
}

type holedLink struct {
	transport.Link
	dead   atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (h *holed) keep(l transport.Link, err error) (transport.Link, error) {
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	hl := &holedLink{Link: l, closed: make(chan struct{})}
	h.links = append(h.links, hl)
	return hl, nil
}

func (h *holed) Dial(ctx context.Context, addr string) (transport.Link, error) {
	return h.keep(h.Transport.Dial(ctx, addr))
}

func (h *holed) Accept(ctx context.Context) (transport.Link, error) {
	return h.keep(h.Transport.Accept(ctx))
}

// swallow makes the present links dead, and Close tell nobody.
func (h *holed) swallow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		l.dead.Store(true)
	}
}

// Close ends the dead links as well.
func (h *holed) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		_ = l.Link.Close()
		_ = l.Close()
	}
	return h.Transport.Close()
}

func (l *holedLink) Send(frames ...[]byte) error {
	if l.dead.Load() {
		return nil
	}
	return l.Link.Send(frames...)
}

func (l *holedLink) Receive() ([]byte, error) {
	for {
		b, err := l.Link.Receive()
		if !l.dead.Load() {
			return b, err
		}
		if err != nil {
			<-l.closed
			return nil, transport.ErrClosed
		}
	}
}

func (l *holedLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	if l.dead.Load() {
		l.SetLimit(0) // what still comes ends this side only
		return nil
	}
	return l.Link.Close()
}

// A path forgets the connections of two nodes, new ones work. Whoever of the
// two notices first, and whoever dialled the old link: both are linked again
// within little more than the 2 s of silence, and neither sees the other fail.
func TestForgottenConnectionIsReplaced(t *testing.T) {
	for phase := time.Duration(0); phase < 500*time.Millisecond; phase += 50 * time.Millisecond {
		bubble(t, func(c *cluster) { forgetConnections(c, phase, "n1", "n2") })
		bubble(t, func(c *cluster) { forgetConnections(c, phase, "n2", "n1") })
	}
}

func forgetConnections(c *cluster, phase time.Duration, first, second string) {
	holes := map[string]*holed{}
	c.tweak = func(o *Options) {
		h := &holed{Transport: o.Transport}
		holes[o.Transport.Addr()], o.Transport = h, h
		o.Membership.ProbeEvery = 400*time.Millisecond + time.Duration(len(holes))*50*time.Millisecond
	}
	c.nodes["n1"], c.nodes["n2"] = c.idle("n1", 1), c.idle("n2", 2)
	c.seeds = []string{"n1:1", "n2:1"}
	c.start(first)
	time.Sleep(16 * time.Second)
	c.start(second)
	time.Sleep(4*time.Second + phase)
	c.one("n1", "n2")
	a, b := c.nodes["n1"], c.nodes["n2"]
	in := b.sub("x")
	for _, h := range holes {
		h.swallow()
	}
	begin := time.Now()
	a.pub("x", "1", 1)
	if took := time.Since(begin); took > 3*time.Second {
		c.t.Errorf("phase %s, %s first: accepted after %s", phase, first, took)
	}
	time.Sleep(20 * time.Second)
	c.one("n1", "n2")
	if got := in.take(); !slices.Equal(got, []string{"x=1/1"}) {
		c.t.Errorf("phase %s, %s first: got %v", phase, first, got)
	}
	if n := a.count.incomplete.Load(); n != 0 {
		c.t.Errorf("phase %s, %s first: the publish was given up", phase, first)
	}
}

// idle is a node that has not been started yet.
func (c *cluster) idle(name string, uid byte) *testNode {
	return &testNode{c: c, name: name, saved: Saved{UID: core.UID{0: uid}, Name: core.NodeID(name + "@" + name)}}
}

// The contract of a transport lets frames be lost without the link's end. A
// message in the last of them, or its acknowledgement, must come all the same.
func TestLostFramesAreSentAgain(t *testing.T) {
	for _, path := range [][2]string{{"n1:1", "n2:1"}, {"n2:1", "n1:1"}} {
		bubble(t, func(c *cluster) {
			c.seeds = []string{"n1:1", "n2:1"}
			a, b := c.start("n1"), c.start("n2")
			time.Sleep(2 * time.Second)
			in := b.sub("x")
			c.net.CutLossy(path[0], path[1])
			done := make(chan struct{})
			m := &core.Message{Topic: "x", Payload: []byte("1"), QoS: 1}
			if err := a.Publish(context.Background(), m, then(func() { close(done) })); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
			c.net.HealAll()
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Errorf("lost on %v: no acknowledgement in a minute", path)
			}
			if got := in.take(); !slices.Equal(got, []string{"x=1/1"}) {
				t.Errorf("lost on %v: got %v", path, got)
			}
		})
	}
}

// A table with no slot left refuses a node; when there is room again it is
// let in.
func TestRefusedForWantOfRoomComesBack(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		full := []core.UID{}
		a.Node.mu.Lock()
		for i := range 100 {
			uid := core.UID{0: 0xaa, 1: byte(i)}
			if _, err := a.routes.Slot(uid); err != nil {
				break
			}
			full = append(full, uid)
		}
		a.Node.mu.Unlock()
		d := c.start("n4")
		time.Sleep(30 * time.Second)
		a.Node.mu.Lock()
		for _, uid := range full {
			slot, _ := a.routes.Slot(uid)
			a.routes.Release(slot)
		}
		a.Node.mu.Unlock()
		time.Sleep(2 * time.Minute)
		c.one("n1", "n2", "n3", "n4")
		in := d.sub("late")
		a.pub("late", "1", 1)
		b.pub("late", "2", 1)
		if got := in.take(); len(got) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

// A node that was dialled while there was no slot for it is dialled again when
// there is. It cannot dial by itself: our address is one it cannot reach.
func TestDialledAgainWhenThereIsRoom(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) {
			if o.Saved.Name == "n1@n1" {
				o.Advertise = "nowhere:1"
			}
		}
		c.seeds = []string{"n2:1"}
		a := c.start("n1")
		c.start("n2")
		time.Sleep(2 * time.Minute)
		c.one("n1", "n2")
		var full []int
		a.Node.mu.Lock()
		for i := range 100 {
			if slot, err := a.routes.Slot(core.UID{0: 0xaa, 1: byte(i)}); err == nil {
				full = append(full, slot)
			}
		}
		a.Node.mu.Unlock()
		c.start("n3")
		time.Sleep(30 * time.Second)
		a.Node.mu.Lock()
		for _, slot := range full {
			a.routes.Release(slot)
		}
		a.Node.mu.Unlock()
		time.Sleep(2 * time.Minute)
		c.one("n1", "n2", "n3")
	})
}

// Stop while everything is under way ends within seconds, whatever the
// neighbours do.
func TestStopInTheMiddle(t *testing.T) {
	for _, how := range []string{"cut", "busy", "joining", "alone"} {
		bubble(t, func(c *cluster) {
			a, b, d := c.three()
			b.sub("#")
			switch how {
			case "cut":
				c.net.Split([]string{"n1:1"}, []string{"n2:1", "n3:1"})
				for i := range 2000 {
					a.publishLoose("x", make([]byte, 1000), core.QoS(i%2))
				}
			case "busy":
				for i := range 5000 {
					a.publishLoose("x", make([]byte, 100), core.QoS(i%2))
				}
			case "joining":
				d.halt()
				c.start("n3")
			case "alone":
				b.kill()
				d.kill()
			}
			begin := time.Now()
			a.halt()
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("%s: stopping took %s", how, took)
			}
		})
	}
}

func (n *testNode) publishLoose(topic core.Topic, payload []byte, qos core.QoS) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = n.Publish(ctx, &core.Message{Topic: topic, Payload: payload, QoS: qos}, then(func() {}))
}

// A member that is told many decisions at once tells them on without choking
// its other links, also when they are more than it keeps; and it comes to rest.
func TestManyEntriesAreToldOn(t *testing.T) {
	for _, count := range []int{membership.MaxEntries, membership.MaxEntries + 50} {
		bubble(t, func(c *cluster) {
			for _, p := range [][2]string{{"n1:1", "n2:1"}, {"n2:1", "n3:1"}, {"n3:1", "n1:1"}} {
				c.net.Delay(p[0], p[1], time.Millisecond, 0)
				c.net.Delay(p[1], p[0], time.Millisecond, 0)
			}
			a, b, d := c.three()
			a.Node.mu.Lock()
			var f wire.Entries
			for i := range count {
				uid := core.UID{0: 0xbb, 1: byte(i), 2: byte(i >> 8)}
				f.Entries = append(f.Entries, entryOf(uid, a.stamp()))
			}
			a.sendTo(b.opts.Saved.UID, f)
			a.release()
			time.Sleep(3 * time.Second)
			c.one("n1", "n2", "n3")
			for _, n := range []*testNode{a, b, d} {
				if n.count.controlOverflow.Load() != 0 {
					t.Errorf("%d entries: %s closed a link: its control queue was full", count, n.name)
				}
			}
		})
	}
}

func entryOf(uid core.UID, s core.Stamp) membership.Entry {
	return membership.Entry{UID: uid, Name: "x@y", Decision: membership.Forgotten, Stamp: s, Incarnation: 1}
}
