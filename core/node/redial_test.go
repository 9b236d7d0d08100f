package node

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
)

// A connection that is lost is dialled at once, one that brings nothing ever
// more rarely, and none more often than every 50 ms.
func TestRedialPace(t *testing.T) {
	now := time.Unix(1000, 0)
	var r redial
	if p := r.pause(now); p != 0 {
		t.Errorf("the first dial waits %s", p)
	}
	for i, want := range []time.Duration{50, 50, 100, 200, 400, 500, 500} {
		if i > 0 {
			now = now.Add(r.pause(now))
		}
		r.dialled(now)
		if i == 0 { // one that was worth it, and ended at once
			r.up(progress{})
			r.down(0, progress{sent: 1})
		}
		if got := r.pause(now); got != want*time.Millisecond {
			t.Errorf("after %d dials: %s, want %s", i+1, got, want*time.Millisecond)
		}
	}
	r.up(progress{})
	r.down(time.Second, progress{})
	if got := r.pause(now.Add(time.Second)); got != 0 {
		t.Errorf("a connection that lived for a second is dialled after %s", got)
	}
}

// Whatever happened, there are at most 20 dials in any second.
func TestRedialNeverSpins(t *testing.T) {
	now, r := time.Unix(1000, 0), redial{}
	for i := range 1000 {
		pause := r.pause(now)
		if i > 0 && pause < redialFirst || pause > redialMax {
			t.Fatalf("dial %d after %s", i, pause)
		}
		now = now.Add(pause)
		r.dialled(now)
		r.up(progress{})
		r.down(0, progress{received: uint64(i % 7)})
	}
	r.tries = 1 << 40
	if pause := r.pause(now); pause != redialMax {
		t.Errorf("%s after very many tries", pause)
	}
}

// A data connection that ends is back after its dial and its hello, whichever
// side lost it, however often.
func TestDataConnectionReturnsAtOnce(t *testing.T) {
	const oneWay = 20 * time.Millisecond
	bubble(t, func(c *cluster) {
		c.net.Delay("n1:1", "n2:1", oneWay, 0)
		a, b := c.two()
		in := b.sub("x")
		for i := range 20 {
			n := []*testNode{a, b}[i%2]
			n.Node.mu.Lock()
			for _, p := range n.peers {
				p.data[0].end()
			}
			n.Node.mu.Unlock()
			if took := a.pub("x", fmt.Sprint(i), 1); took > 12*oneWay {
				t.Errorf("cut %d: accepted after %s", i, took)
			}
		}
		if got := in.take(); len(got) != 20 {
			t.Errorf("%d messages of 20", len(got))
		}
	})
}

// moody is a transport that counts its dials, and from some moment on closes
// what it accepts after a number of frames.
type moody struct {
	transport.Transport
	dials  atomic.Int64
	frames atomic.Int64 // -1: it closes nothing
}

func (m *moody) Dial(ctx context.Context, addr string) (transport.Link, error) {
	m.dials.Add(1)
	return m.Transport.Dial(ctx, addr)
}

func (m *moody) Accept(ctx context.Context) (transport.Link, error) {
	l, err := m.Transport.Accept(ctx)
	frames := m.frames.Load()
	if err != nil || frames < 0 {
		return l, err
	}
	if frames == 0 {
		_ = l.Close()
	}
	return &shortLived{Link: l, left: frames}, nil
}

// shortLived is a link that closes after some frames.
type shortLived struct {
	transport.Link
	mu   sync.Mutex
	left int64
}

var (
	_ transport.Transport = (*moody)(nil)
	_ transport.Link      = (*shortLived)(nil)
)

// Receive implements transport.Link.
func (l *shortLived) Receive() ([]byte, error) {
	l.mu.Lock()
	l.left--
	over := l.left < 0
	l.mu.Unlock()
	if over {
		_ = l.Close()
	}
	return l.Link.Receive()
}

// A peer that refuses data connections, or closes them at once, at any point of
// their hello or after it, is not dialled more often than eight times in the
// first second, and twice a second later, while messages wait for it; they are
// there when it has changed its mind.
func TestMoodyPeerIsNotDialledInACircle(t *testing.T) {
	for frames := range int64(6) {
		bubble(t, func(c *cluster) { checkMoody(c, frames) })
	}
}

func checkMoody(c *cluster, frames int64) {
	all := map[string]*moody{}
	c.tweak = func(o *Options) {
		m := &moody{Transport: o.Transport}
		m.frames.Store(-1)
		all[o.Transport.Addr()], o.Transport = m, m
		o.DataLanes, o.Sources, o.Form = 1, nil, Form{Manual: true} // nobody else dials
		if len(all) > 1 {
			o.Form = Form{Join: []string{"n1:1"}}
		}
	}
	a, b := c.start("n1"), c.start("n2")
	time.Sleep(time.Second)
	c.one("n1", "n2")
	in := b.sub("x")
	time.Sleep(time.Second)
	for _, m := range all {
		m.frames.Store(frames)
		m.dials.Store(0)
	}
	a.Node.mu.Lock()
	for _, p := range a.peers {
		p.data[0].end()
	}
	a.Node.mu.Unlock()
	done := make(chan struct{})
	if err := a.from("p", core.Message{Topic: "x", Payload: []byte("1"), QoS: 1}, func() { close(done) }); err != nil {
		c.t.Fatal(err)
	}
	dials := func() int64 { return all["n1:1"].dials.Swap(0) + all["n2:1"].dials.Swap(0) }
	time.Sleep(time.Second)
	if n := dials(); n < 3 || n > 8 {
		c.t.Errorf("closed after %d frames: %d dials in the first second", frames, n)
	}
	time.Sleep(10 * time.Second)
	if n := dials(); n < 10 || n > 26 { // the message may slip through, which makes a few dials quick
		c.t.Errorf("closed after %d frames: %d dials in ten seconds", frames, n)
	}
	for _, m := range all {
		m.frames.Store(-1)
	}
	<-done
	if got := in.take(); len(got) != 1 {
		c.t.Errorf("closed after %d frames: got %v", frames, got)
	}
}
