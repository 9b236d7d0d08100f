package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
)

// keep publishes a message to be retained and waits for its acknowledgement.
func (n *testNode) keepMessage(topic core.Topic, payload string, qos core.QoS, x *core.Extra) {
	n.c.t.Helper()
	done := make(chan struct{})
	if qos == 0 {
		close(done)
	}
	m := &core.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: true, Publisher: "p", Extra: x}
	if err := n.Publish(context.Background(), m, then(func() { close(done) })); err != nil {
		n.c.t.Errorf("publish %s: %v", topic, err)
		return
	}
	<-done
}

// held returns what a node has retained below a filter.
func (n *testNode) held(f core.Filter) []string {
	var out []string
	n.Retained(f, func(m *core.Message) bool {
		if !m.Retain || m.Extra == nil || m.Extra.Stamp == 0 {
			n.c.t.Errorf("%s: retained %+v", n.name, m)
		}
		out = append(out, fmt.Sprintf("%s=%s", m.Topic, m.Payload))
		return true
	})
	return out
}

// holdAll fails the test unless all named nodes hold exactly these.
func (c *cluster) holdAll(want []string, names ...string) {
	c.t.Helper()
	for _, name := range names {
		if diff := cmp.Diff(want, c.nodes[name].held("#")); diff != "" {
			c.t.Errorf("%s holds something else (-want +held):\n%s", name, diff)
		}
	}
}

// A retained message is at every node when it is acknowledged, with all that
// it has; a later one takes its place, an empty one deletes it
// [MQTT-3.3.1-5..7].
func TestRetainedAtEveryNode(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		live := d.sub("r/#")
		x := &core.Extra{Properties: []byte{1, 1}, Expires: time.Now().Add(time.Minute)}
		a.keepMessage("r/1", "x", 1, x)
		b.keepMessage("r/2", "y", 2, nil)
		c.holdAll([]string{"r/1=x", "r/2=y"}, "n1", "n2", "n3")
		d.Retained("+/1", func(m *core.Message) bool {
			if m.QoS != 1 || m.Publisher != "p" || string(m.Properties()) != "\x01\x01" || !m.Extra.Expires.Equal(x.Expires) {
				t.Errorf("at another node it is %+v, %+v", m, m.Extra)
			}
			return true
		})
		b.keepMessage("r/1", "z", 1, nil)
		d.keepMessage("r/2", "", 1, nil)
		c.holdAll([]string{"r/1=z"}, "n1", "n2", "n3")
		if got := live.take(); !slices.Equal(got, []string{"r/1=x/1", "r/2=y/1", "r/1=z/1", "r/2=/1"}) {
			t.Errorf("a subscriber got %v", got)
		}
		if x.Stamp != 0 {
			t.Error("the publisher's own message was changed")
		}
		a.keepMessage("$SYS/x", "s", 1, nil)
		if got := append(b.held("#"), b.held("$SYS/+")...); !slices.Equal(got, []string{"r/1=z", "$SYS/x=s"}) {
			t.Errorf("held: %v", got)
		}
	})
}

// Nobody subscribes: the publisher is told so, and the message is kept all the
// same.
func TestMatched(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		b.sub("there")
		a.sub("here")
		for topic, want := range map[core.Topic]bool{"there": true, "here": true, "nowhere": false} {
			for _, retain := range []bool{true, false} {
				done := make(chan bool, 1)
				m := &core.Message{Topic: topic, Payload: []byte("x"), QoS: 1, Retain: retain}
				if err := a.Publish(t.Context(), m, core.Outcome{Accepted: func(m bool) { done <- m }}); err != nil {
					t.Fatal(err)
				}
				if got := <-done; got != want {
					t.Errorf("%s, retain %v: matched %v", topic, retain, got)
				}
			}
		}
	})
}

// Whenever somebody subscribes, anywhere: each message is retained or live,
// never neither.
func TestRetainedOrLive(t *testing.T) {
	bubble(t, func(c *cluster) {
		for _, p := range []string{"n1:1", "n2:1", "n3:1"} {
			for _, q := range []string{"n1:1", "n2:1", "n3:1"} {
				c.net.Delay(p, q, time.Millisecond, 3*time.Millisecond)
			}
		}
		a, b, d := c.three()
		var wg sync.WaitGroup
		const topics = 200
		wg.Go(func() {
			for i := range topics {
				a.keepMessage(core.Topic(fmt.Sprint("r/", i)), "x", core.QoS(i%2), nil)
				time.Sleep(time.Duration(i%3) * time.Millisecond)
			}
		})
		seen := make([]map[string]bool, 0, 60)
		boxes := make([]*inbox, 0, 60)
		for i := range 60 {
			n := []*testNode{a, b, d}[i%3]
			in := n.sub("r/#")
			had := map[string]bool{}
			for _, m := range n.held("r/#") {
				had[m] = true
			}
			boxes, seen = append(boxes, in), append(seen, had)
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		time.Sleep(time.Second)
		for i, in := range boxes {
			for _, m := range in.take() {
				seen[i][m[:strings.LastIndex(m, "/")]] = true
			}
			if len(seen[i]) != topics {
				t.Errorf("subscriber %d has seen %d of %d", i, len(seen[i]), topics)
			}
		}
	})
}

// What a node misses is repaired: after a join, a restart without a disk, and
// a split in which both sides write and delete.
func TestRetainedIsRepaired(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		var want []string
		for i := range 300 {
			topic := fmt.Sprintf("r/%03d", i)
			a.keepMessage(core.Topic(topic), strings.Repeat("x", i), 1, nil)
			if i > 0 && i != 7 && i != 8 {
				want = append(want, topic+"="+strings.Repeat("x", i))
			}
		}
		c.start("n4")
		time.Sleep(2 * time.Second)
		b.kill()
		time.Sleep(10 * time.Second)
		b = c.start("n2")
		time.Sleep(8 * time.Second)
		c.net.Split([]string{"n1:1", "n2:1"}, []string{"n3:1", "n4:1"})
		time.Sleep(10 * time.Second)
		a.keepMessage("r/007", "", 1, nil)
		d.keepMessage("r/008", "", 1, nil)
		b.keepMessage("s/1", "first", 1, nil)
		time.Sleep(100 * time.Millisecond)
		d.keepMessage("s/1", "second", 1, nil)
		c.net.HealAll()
		time.Sleep(8 * time.Second)
		c.one("n1", "n2", "n3", "n4")
		c.holdAll(append(want, "s/1=second"), "n1", "n2", "n3", "n4")
		time.Sleep(2 * time.Minute)
		for _, n := range c.nodes {
			if left := n.counted("retained_tombstones", ""); left != 0 {
				t.Errorf("%s keeps %d tombstones", n.name, left)
			}
		}
	})
}

func (n *testNode) counted(name, reason string) uint64 {
	for _, c := range n.Counters() {
		if c.Name == name && c.Reason == reason {
			return c.Value
		}
	}
	return 0
}

// A repair of much does not hold up a publish that goes the same way.
func TestRepairDoesNotStallLanes(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		for i := range 200 {
			a.keepMessage(core.Topic(fmt.Sprint("r/", i)), strings.Repeat("x", 100_000), 1, nil)
		}
		b.kill()
		c.seeds = nil
		b = c.start("n2")
		in := b.sub("x")
		for range 50 {
			if took := a.pub("x", "1", 1); took > 500*time.Millisecond {
				t.Errorf("a publish took %s", took)
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		if n := len(b.held("#")); n != 200 {
			t.Errorf("%d messages after the repair", n)
		}
		_ = in
	})
}

// A message that is retained for a time goes at every node, by itself, and
// comparisons go on finding nothing.
func TestRetainedExpires(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		for i := range 50 {
			expires := time.Now().Add(time.Duration(i) * time.Second / 2)
			a.keepMessage(core.Topic(fmt.Sprint("r/", i)), "x", 1, &core.Extra{Expires: expires})
		}
		before := b.counted("retained_repaired_total", "")
		time.Sleep(12 * time.Second)
		for _, n := range c.nodes {
			if got := len(n.held("#")); got < 24 || got > 26 {
				t.Errorf("%s holds %d of 50 halfway", n.name, got)
			}
		}
		time.Sleep(90 * time.Second)
		c.holdAll(nil, "n1", "n2", "n3")
		if n := b.counted("retained_repaired_total", "") - before; n > 50 {
			t.Errorf("%d entries were repaired", n)
		}
	})
}

// A message ages while it waits for a node: what has expired there is not
// delivered [MQTT-3.3.2-5], the rest has the time left that it has.
func TestMessagesAgeInALane(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		in := b.sub("x")
		c.net.Split([]string{"n1:1", "n3:1"}, []string{"n2:1"})
		expires := time.Now().Add(10 * time.Second)
		for _, left := range []time.Duration{2 * time.Second, 10 * time.Second} {
			m := &core.Message{Topic: "x", Payload: []byte(left.String()), QoS: 1, Extra: &core.Extra{Expires: time.Now().Add(left)}}
			if err := a.Publish(t.Context(), m, then(func() {})); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		c.net.HealAll()
		time.Sleep(3 * time.Second)
		if got := in.take(); !slices.Equal(got, []string{"x=10s/1"}) {
			t.Fatalf("got %v", got)
		}
		if off := in.last.Extra.Expires.Sub(expires).Abs(); off > 5*time.Millisecond {
			t.Errorf("it expires %s off", off)
		}
		if b.counted("messages_dropped_total", "expired_in_lane") != 1 {
			t.Error("the other one was not counted")
		}
	})
}

// At its bounds a node refuses new topics and says so once; subscribers get
// them all the same.
func TestRetainedBounds(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Retained = retained.Options{MaxMessages: 3} }
		a, b, _ := c.three()
		in := b.sub("#")
		for i := range 5 {
			a.keepMessage(core.Topic(fmt.Sprint("r/", i)), "x", 1, nil)
		}
		a.keepMessage("r/0", "again", 1, nil)
		c.holdAll([]string{"r/0=again", "r/1=x", "r/2=x"}, "n1", "n2", "n3")
		if n := len(in.take()); n != 6 {
			t.Errorf("%d live", n)
		}
		if n := b.counted("retained_dropped_total", "full"); n != 2 {
			t.Errorf("%d counted", n)
		}
		large := &core.Message{Topic: "l", Payload: make([]byte, 1<<20), QoS: 1, Retain: true}
		if err := a.Publish(t.Context(), large, core.Outcome{}); err == nil {
			t.Error("a message that no frame can carry was taken")
		}
	})
}

// What was dropped at a full lane at QoS 0 comes with the next comparison.
func TestDroppedAtAFullLaneIsRepaired(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.Lane.QoS0Bytes = 2000 }
		a, b, d := c.three()
		c.net.Delay("n1:1", "n2:1", 50*time.Millisecond, 0)
		time.Sleep(time.Second)
		for i := range 100 {
			a.keepMessage(core.Topic(fmt.Sprintf("r/%02d", i)), strings.Repeat("x", 100), 0, nil)
		}
		if a.count.droppedLane.Load() == 0 {
			t.Fatal("nothing was dropped")
		}
		time.Sleep(30 * time.Second)
		for _, n := range []*testNode{a, b, d} {
			if got := len(n.held("#")); got != 100 {
				t.Errorf("%s holds %d", n.name, got)
			}
		}
	})
}

// A stamp far ahead is not kept, and a hostile node ends nothing by it.
func TestStampAhead(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, _ := c.three()
		m := &core.Message{Topic: "r", Payload: []byte("x"), Retain: true, Extra: &core.Extra{Stamp: a.stamp() + 1<<40, Node: core.UID{0: 9}}}
		a.retain(m, retained.Forwarded)
		if len(a.held("#")) != 0 || a.counted("retained_dropped_total", "stamp_ahead") != 1 {
			t.Error("kept, or not counted")
		}
		a.keepMessage("r", "y", 1, nil)
		synctest.Wait()
		c.holdAll([]string{"r=y"}, "n1", "n2", "n3")
	})
}
