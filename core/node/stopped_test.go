package node

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// stop is SIGSTOP for a node: its connections stay, and nobody reads them or
// writes to them.
func (c *cluster) stop(name string) {
	for other := range c.nodes {
		if other != name {
			c.net.Cut(name+":1", other+":1")
			c.net.Cut(other+":1", name+":1")
		}
	}
}

// load publishes a message of a publisher every few milliseconds until stop is
// closed, and notes how long the longest took.
type load struct {
	name     string
	topic    core.Topic
	qos      core.QoS
	size     int
	every    time.Duration
	admitted atomic.Int64
	accepted atomic.Int64
	refused  atomic.Int64
	longest  atomic.Int64
}

func (x *load) run(n *testNode, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(x.every):
		}
		payload := fmt.Appendf(make([]byte, 0, x.size+10), "%d/", i)
		m := core.Message{Topic: x.topic, Payload: payload[:max(len(payload), x.size)], QoS: x.qos}
		begin := time.Now()
		if err := n.from(x.name, m, func() { x.accepted.Add(1) }); err != nil {
			x.refused.Add(1)
		} else {
			x.admitted.Add(1)
		}
		x.longest.Store(max(x.longest.Load(), int64(time.Since(begin))))
	}
}

// A peer is stopped for 60 s while publishers go on. Memory keeps to its caps;
// those without a match on it notice nothing; those with one wait until it is
// failed, 6 s at most; what was admitted before is delivered when it returns,
// and what was published while it was failed is counted.
func TestStoppedPeer(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.DataLanes, o.Lane.MaxBytes, o.Lane.QoS0Bytes = 1, 1<<20, 200_000 }
		a, b, d := c.three()
		ind, inb := d.sub("both", "stopped"), b.sub("both", "other")
		with := &load{name: "with", topic: "stopped", qos: 1, size: 5000, every: 10 * time.Millisecond}
		without := &load{name: "without", topic: "other", qos: 1, size: 100, every: 10 * time.Millisecond}
		zero := &load{name: "zero", topic: "both", size: 5000, every: 10 * time.Millisecond}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for _, x := range []*load{with, without, zero} {
			wg.Go(func() { x.run(a, stop) })
		}
		time.Sleep(time.Second)
		c.stop("n3")
		before := with.admitted.Load()
		time.Sleep(4 * time.Second)
		lane := a.peersNow()[d.opts.Saved.UID].outs[0]
		if held := lane.held(); held < 900_000 || held > 1<<20+5100 {
			t.Errorf("%d bytes are held", held)
		}
		time.Sleep(4 * time.Second)
		owed := with.admitted.Load() - before // and what came before it was failed is all of it
		if a.count.droppedFailed.Load() == 0 || a.count.droppedLane.Load() == 0 {
			t.Errorf("%d dropped for the failed peer, %d for the full lane", a.count.droppedFailed.Load(), a.count.droppedLane.Load())
		}
		time.Sleep(52 * time.Second)
		close(stop)
		wg.Wait()
		c.net.HealAll()
		time.Sleep(10 * time.Second)
		c.one("n1", "n2", "n3")
		checkStopped(t, a, with, without)
		if n := len(inb.take()); int64(n) != without.admitted.Load()+zero.admitted.Load() {
			t.Errorf("the other peer has %d messages of %d", n, without.admitted.Load()+zero.admitted.Load())
		}
		kept := 0
		for _, got := range ind.take() {
			if len(got) > 8 && got[:8] == "stopped=" {
				kept++
			}
		}
		if owed == 0 || int64(kept)+int64(a.count.droppedFailed.Load()) < with.admitted.Load() || kept < int(before) {
			t.Errorf("%d of %d are delivered, %d counted", kept, with.admitted.Load(), a.count.droppedFailed.Load())
		}
	})
}

func checkStopped(t *testing.T, a *testNode, with, without *load) {
	t.Helper()
	if took := time.Duration(without.longest.Load()); took > time.Millisecond || without.refused.Load() > 0 {
		t.Errorf("a publisher without a match waited %s", took)
	}
	if took := time.Duration(with.longest.Load()); took < time.Second || took > 6*time.Second || with.refused.Load() > 0 {
		t.Errorf("a publisher with a match waited %s, %d refused", took, with.refused.Load())
	}
	if n := with.accepted.Load(); n != with.admitted.Load() {
		t.Errorf("%d of %d are acknowledged", n, with.admitted.Load())
	}
	if a.count.paused.Load() == 0 {
		t.Error("the pause is not counted")
	}
}

// Where a peer takes nothing in, but lives, a publisher that needs it waits 10
// s and is refused, and nobody has got the message; others are not held up.
func TestPausedPublisherIsRefused(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, time.Millisecond)
		tweak := c.tweak
		c.tweak = func(o *Options) { tweak(o); o.Lane.MaxBytes, o.Lane.QoS0Bytes = 10_000, 3000 }
		a, b, d := c.three()
		_, other := b.sub("slow"), d.sub("slow", "quick")
		l["n2"].stick(true)
		a.publishLoose("slow", make([]byte, 100), 1) // so that the log is found stuck
		time.Sleep(time.Second)
		admitted := 0
		var err error
		begin := time.Now()
		for ; err == nil && admitted < 100; admitted++ {
			err = a.from("p", core.Message{Topic: "slow", Payload: make([]byte, 1000), QoS: 1}, func() {})
		}
		if took := time.Since(begin); !errors.Is(err, ErrNoRoom) || took != publishWait || admitted < 5 || admitted > 11 {
			t.Errorf("after %d messages and %s: %v", admitted, took, err)
		}
		got := len(other.take())
		if got != admitted { // the refused one is counted in admitted, that of publishLoose in got
			t.Errorf("the other peer has %d messages, %d were admitted", got, admitted-1)
		}
		if took := a.pub("quick", "x", 1); took > 100*time.Millisecond {
			t.Errorf("a publisher without a match waited %s", took)
		}
		for range 10 {
			a.pub("slow", string(make([]byte, 1000)), 0)
		}
		if n := a.count.droppedCredit.Load(); n < 5 {
			t.Errorf("%d dropped for want of credit", n)
		}
		l["n2"].stick(false)
		time.Sleep(5 * time.Second)
		if took := a.pub("slow", "x", 1); took > time.Second {
			t.Errorf("when the log goes on a publish takes %s", took)
		}
	})
}

// When there is room again the publisher goes on at once, and one with a large
// message is not overtaken for ever by many with small ones.
func TestPausedPublisherGoesOn(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Lane.MaxBytes = 10_000 }
		c.net.Delay("n1:1", "n2:1", 20*time.Millisecond, 0)
		a, b := c.two()
		in := b.sub("#")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 50 {
			x := &load{name: fmt.Sprint("small", i), topic: "small", qos: 1, size: 500, every: time.Millisecond}
			wg.Go(func() { x.run(a, stop) })
		}
		time.Sleep(time.Second)
		for range 5 {
			begin := time.Now()
			if err := a.from("large", core.Message{Topic: "large", Payload: make([]byte, 5000), QoS: 1}, func() {}); err != nil {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("it waited %s", took)
			}
		}
		if a.count.paused.Load() < 50 {
			t.Errorf("%d publishes waited", a.count.paused.Load())
		}
		close(stop)
		wg.Wait()
		time.Sleep(time.Second)
		if n := a.count.refusedPublish.Load(); n > 0 || uint64(len(in.take())) != a.count.forwarded.Load() {
			t.Errorf("%d refused", n)
		}
	})
}

// A publisher whose long message is still on its way when the peer fails is
// released like any other; the message arrives when the peer returns.
func TestLongMessageToAPeerThatFails(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		in := d.sub("p0/x")
		c.stop("n3")
		done := make(chan struct{})
		begin := time.Now()
		for i := range 2 {
			m := core.Message{Topic: "p0/x", Payload: append(fmt.Append(nil, i, "/"), make([]byte, (1-i)<<20)...), QoS: 1}
			if err := a.from("p0", m, func() { done <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
		}
		<-done
		<-done
		if took := time.Since(begin); took < time.Second || took > 6*time.Second || a.count.incomplete.Load() != 2 {
			t.Errorf("released after %s, %d counted", took, a.count.incomplete.Load())
		}
		c.net.HealAll()
		time.Sleep(5 * time.Second)
		inOrder(t, in, 1, 2)
	})
}
