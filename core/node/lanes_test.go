package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
)

// two starts n1 and n2 as one cluster.
func (c *cluster) two() (a, b *testNode) {
	c.seeds = []string{"n1:1", "n2:1"}
	a, b = c.start("n1"), c.start("n2")
	time.Sleep(2 * time.Second)
	c.one("n1", "n2")
	return a, b
}

// from publishes a message of a publisher, and tells when it is accepted.
func (n *testNode) from(publisher string, m core.Message, accepted func()) error {
	m.Publisher = publisher
	return n.Publish(context.Background(), &m, then(accepted))
}

// inOrder fails the test unless in has the messages 0 to n-1 of each publisher
// in order, each once.
func inOrder(t *testing.T, in *inbox, publishers, n int) {
	t.Helper()
	next := map[string]int{}
	for _, got := range in.take() {
		topic, payload, _ := strings.Cut(got, "=")
		who, _, _ := strings.Cut(topic, "/")
		if want := fmt.Sprintf("%d/", next[who]); !strings.HasPrefix(payload, want) {
			t.Fatalf("%s: got %s, want %s", who, payload, want)
		}
		next[who]++
	}
	for p := range publishers {
		if who := fmt.Sprint("p", p); next[who] != n {
			t.Errorf("%s: %d messages of %d", who, next[who], n)
		}
	}
}

// Publishers are spread over the lanes; the messages of each stay in order,
// across topics and QoS.
func TestFourLanes(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.DataLanes = 4 }
		a, b, d := c.three()
		inb, ind := b.sub("#"), d.sub("#")
		const publishers, each = 100, 20 // so many that chance leaves no lane empty
		for i := range each {
			for p := range publishers {
				m := core.Message{Topic: core.Topic(fmt.Sprintf("p%d/%d", p, i%3)), Payload: fmt.Append(nil, i), QoS: core.QoS(i % 3)}
				if err := a.from(fmt.Sprint("p", p), m, func() {}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		inOrder(t, inb, publishers, each)
		inOrder(t, ind, publishers, each)
		for _, l := range a.peersNow()[b.opts.Saved.UID].outs {
			if l.forwarded == 0 {
				t.Errorf("lane %d carried nothing", l.pair.number)
			}
		}
	})
}

// Nodes with different numbers of lanes understand each other.
func TestDifferentNumbersOfLanes(t *testing.T) {
	bubble(t, func(c *cluster) {
		count := 0
		c.tweak = func(o *Options) { count++; o.DataLanes = count*2 - 1 }
		a, b := c.two()
		ina, inb := a.sub("to/a"), b.sub("to/b")
		for i := range 20 {
			for _, n := range []*testNode{a, b} {
				for _, to := range []core.Topic{"to/a", "to/b"} {
					if err := n.from(fmt.Sprint("p", i), core.Message{Topic: to, QoS: 1}, func() {}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		time.Sleep(time.Second)
		if len(ina.take()) != 40 || len(inb.take()) != 40 {
			t.Error("messages are missing")
		}
	})
}

// cutData closes a connection of a peer without a word: that of a lane, or now
// and then the link itself.
func (n *testNode) cutData(rng *rand.Rand) {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	for _, p := range n.peers {
		if l := p.data[rng.IntN(len(p.data))]; l != nil {
			l.end()
		}
		if l := p.link; l != nil && rng.IntN(20) == 0 {
			l.end()
		}
	}
}

// Of QoS 1 and 2 nothing is lost, doubled or out of order through cuts of the
// connections at any moment: 100 of them, and the count of the promise in `make
// prove`, which sets MUSTER_PROVE.
func TestChaosOfConnections(t *testing.T) {
	cuts := 100
	if os.Getenv("MUSTER_PROVE") != "" {
		cuts = 1000
	}
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) { o.DataLanes = 2 }
		rng := rand.New(rand.NewPCG(4, 2))
		c.net.Delay("n1:1", "n2:1", time.Millisecond, time.Millisecond)
		a, b := c.two()
		in := b.sub("#")
		var accepted atomic.Int64
		for cut := range cuts {
			for round := range 5 {
				for p := range 4 {
					i := cut + round*cuts
					n := fmt.Append(nil, i)
					m := core.Message{Topic: core.Topic(fmt.Sprintf("p%d/x", p)), Payload: n, QoS: core.QoS(1 + i%2)}
					if i%7 == 3 && p == 2 {
						m.Payload = append(append(n, '/'), make([]byte, 300_000)...)
					}
					if err := a.from(fmt.Sprint("p", p), m, func() { accepted.Add(1) }); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Duration(rng.IntN(5)) * time.Millisecond)
			[]*testNode{a, b}[rng.IntN(2)].cutData(rng)
			time.Sleep(time.Duration(rng.IntN(900)) * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		if n := accepted.Load(); n != int64(cuts*20) {
			t.Errorf("%d of %d are accepted", n, cuts*20)
		}
		c.one("n1", "n2")
		checkChaos(t, in, cuts)
	})
}

// checkChaos fails the test unless each publisher's messages have come in the
// order in which they were published.
func checkChaos(t *testing.T, in *inbox, cuts int) {
	t.Helper()
	at := map[string]int{}
	for _, got := range in.take() {
		topic, payload, _ := strings.Cut(got, "=")
		var n int
		if _, err := fmt.Sscanf(payload, "%d/", &n); err != nil {
			t.Fatal(err)
		}
		k := at[topic]
		if want := k/5 + k%5*cuts; n != want {
			t.Fatalf("%s: message %d is %d, want %d", topic, k, n, want)
		}
		at[topic]++
	}
	for topic, n := range at {
		if n != cuts*5 {
			t.Errorf("%s: %d of %d", topic, n, cuts*5)
		}
	}
}

// A message of any length that MQTT allows arrives as it was, in its
// publisher's order, and does not wait for room that there never is.
func TestLongMessages(t *testing.T) {
	for _, size := range []int{wire.MaxWhole - 100, wire.MaxWhole, 1 << 20, 5 << 20, 20 << 20} {
		bubble(t, func(c *cluster) {
			a, b, d := c.three()
			inb, ind := b.sub("p0/#"), d.sub("p0/#")
			big := bytes.Repeat([]byte("0/2345678"), size/9)
			for i, payload := range [][]byte{[]byte("0"), append([]byte("1/"), big...), []byte("2")} {
				if err := a.from("p0", core.Message{Topic: "p0/x", Payload: payload, QoS: core.QoS(i)}, func() {}); err != nil {
					t.Fatalf("%d bytes: %v", size, err)
				}
			}
			time.Sleep(time.Second)
			for _, in := range []*inbox{inb, ind} {
				in.mu.Lock()
				if len(in.got) == 3 && in.got[1] != "p0/x=1/"+string(big)+"/1" {
					t.Errorf("%d bytes: not what was sent", size)
				}
				in.mu.Unlock()
				inOrder(t, in, 1, 3)
			}
		})
	}
}

// A message that cannot be forwarded is refused, and has reached nobody.
func TestTooLongForMQTT(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		ina, inb := a.sub("x"), b.sub("x")
		m := core.Message{Topic: "x", Payload: make([]byte, wire.MaxMessage), QoS: 1}
		if err := a.from("p", m, func() {}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if len(ina.take())+len(inb.take()) != 0 {
			t.Error("it was delivered all the same")
		}
	})
}

// A long message is cut off in the middle, again and again.
func TestLongMessageThroughCuts(t *testing.T) {
	for cutAt := range 12 {
		bubble(t, func(c *cluster) {
			c.net.Delay("n1:1", "n2:1", 10*time.Millisecond, 0)
			a, b := c.two()
			in := b.sub("p0/x")
			done := make(chan struct{})
			m := core.Message{Topic: "p0/x", Payload: append([]byte("0/"), make([]byte, 3<<20)...), QoS: 1}
			if err := a.from("p0", m, func() { close(done) }); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(time.Duration(cutAt) * 2 * time.Millisecond)
				a.cutData(rand.New(rand.NewPCG(uint64(cutAt), 1)))
			}
			<-done
			inOrder(t, in, 1, 1)
		})
	}
}

// Data connections that swallow everything are dialled anew; nobody is
// suspected for that.
func TestSilentDataConnection(t *testing.T) {
	bubble(t, func(c *cluster) {
		holes := map[string]*holed{}
		c.tweak = func(o *Options) {
			h := &holed{Transport: o.Transport}
			holes[o.Transport.Addr()], o.Transport = h, h
			o.DataLanes = 1 // the publisher's
		}
		a, b := c.two()
		in := b.sub("x")
		var old []*link
		for _, n := range []*testNode{a, b} {
			for _, p := range n.peersNow() {
				p.data[0].tl.(*holedLink).dead.Store(true)
				old = append(old, p.data[0])
			}
		}
		if took := a.pub("x", "1", 1); took < time.Second || took > 4*time.Second {
			t.Errorf("accepted after %s", took)
		}
		if got := in.take(); len(got) != 1 {
			t.Errorf("got %v", got)
		}
		for _, l := range old {
			if !l.ended() {
				t.Error("a connection that was replaced is open")
			}
		}
		c.one("n1", "n2")
		if a.count.incomplete.Load()+b.count.incomplete.Load() != 0 || a.count.dataLost.Load()+b.count.dataLost.Load() == 0 {
			t.Error("the peer was given up, or the silence is not counted")
		}
	})
}

// Parts are lost on the way, and the connection lives on.
func TestLostParts(t *testing.T) {
	for _, path := range [][2]string{{"n1:1", "n2:1"}, {"n2:1", "n1:1"}} {
		bubble(t, func(c *cluster) {
			c.net.Delay("n1:1", "n2:1", 10*time.Millisecond, 0)
			a, b := c.two()
			in := b.sub("p0/x")
			data := b.peersNow()[a.opts.Saved.UID].data[0]
			var accepted atomic.Int32
			for i := range 3 {
				m := core.Message{Topic: "p0/x", Payload: append(fmt.Append(nil, i, "/"), make([]byte, 1<<20)...), QoS: 1}
				if err := a.from("p0", m, func() { accepted.Add(1) }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
				c.net.CutLossy(path[0], path[1]) // what is on its way is lost, and nothing after it
				c.net.HealAll()
			}
			time.Sleep(10 * time.Second)
			inOrder(t, in, 1, 3)
			if accepted.Load() != 3 || data.ended() {
				t.Errorf("%d are accepted, connection ended: %v", accepted.Load(), data.ended())
			}
		})
	}
}

// What a peer that is removed still owed is counted, at every QoS; its
// connections end.
func TestRemovedPeer(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, d := c.three()
		d.sub("x")
		data := a.peersNow()[d.opts.Saved.UID].data[0]
		c.net.Delay("n1:1", "n3:1", time.Second, 0)
		for i := range 9 {
			m := core.Message{Topic: "x", QoS: core.QoS(i % 3)}
			if err := a.from(fmt.Sprint("p", i), m, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.ForceLeave(t.Context(), "n3@n3"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := a.counted("messages_dropped_total", "peer_gone"); n != 9 || !data.ended() {
			t.Errorf("%d are counted, connection ended: %v", n, data.ended())
		}
	})
}

// A connection that breaks is dialled anew at once, one that breaks at once
// with the next tick.
func TestBrokenDataConnection(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		b.sub("x")
		for range 3 {
			time.Sleep(time.Second)
			a.Node.mu.Lock()
			for _, p := range a.peers {
				p.data[0].end()
			}
			a.Node.mu.Unlock()
			if took := a.pub("x", "1", 1); took > 100*time.Millisecond {
				t.Errorf("accepted after %s", took)
			}
		}
	})
}
