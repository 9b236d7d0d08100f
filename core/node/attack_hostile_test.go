package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// hostile speaks to a node with the right cookie and no manners.
type hostile struct {
	*testNode
	*conn
	rng   *rand.Rand
	count uint64 // frames about retained messages
}

// befriend makes a proved connection to n1 that is not run by a node.
func (c *cluster) befriend(seed uint64) *hostile {
	c.t.Helper()
	h := &hostile{rng: rand.New(rand.NewPCG(seed, 1)), testNode: &testNode{c: c, name: "evil"}}
	target := c.nodes["n1"]
	o := target.opts
	o.Saved = Saved{UID: core.UID{0: 0xee, 1: byte(seed), 2: byte(seed >> 8)}, Name: "evil@evil", Incarnation: 1, Cluster: target.Cluster()}
	o.Store, o.Transport, o.Advertise, o.Sources = h, c.net.Endpoint("evil:1"), "evil:1", nil
	o.Protocol = uint16(1 + seed%2) // by the first one the link carries the lane
	node, err := New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	h.Node = node
	tl, err := o.Transport.Dial(c.t.Context(), "n1:1")
	if err != nil {
		c.t.Fatal(err)
	}
	if h.conn, err = node.hello(tl, wire.Dialler); err != nil {
		c.t.Fatal(err)
	}
	if _, err := h.exchange(node.welcome(h.conn, intent{})); err != nil {
		c.t.Fatal(err)
	}
	go swallow(tl)
	return h
}

func swallow(tl transport.Link) {
	for {
		if _, err := tl.Receive(); err != nil {
			return
		}
	}
}

// onData goes on with a data connection instead of the link.
func (h *hostile) onData() {
	h.c.t.Helper()
	tl, err := h.opts.Transport.Dial(h.c.t.Context(), "n1:1")
	if err != nil {
		h.c.t.Fatal(err)
	}
	if h.conn, err = h.Node.hello(tl, wire.Dialler); err != nil {
		h.c.t.Fatal(err)
	}
	w := wire.Welcome{Cluster: h.opts.Saved.Cluster, Addr: "evil:1", Data: uint8(1 + h.rng.IntN(4)), Count: 4}
	w.Lanes = []wire.LanePosition{{Lane: w.Data, Base: 1 + h.number()%5, Incarnation: core.Incarnation(h.number() % 3), Received: h.number() % 3}}
	if _, err := h.exchange(w); err != nil {
		return // refused: the frames go nowhere
	}
	go swallow(tl)
}

// say sends one frame; false when the link is gone.
func (h *hostile) say(body []byte) bool {
	frame, err := h.sealer.Seal(body)
	return err == nil && h.tl.Send(frame) == nil
}

func (h *hostile) number() uint64 {
	return []uint64{0, 1, 2, 3, 100, 1 << 20, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1}[h.rng.IntN(11)]
}

func (h *hostile) uid() core.UID {
	known := []core.UID{{}, {0: 1}, {0: 2}, {0: 3}, h.opts.Saved.UID, {0: 9}}
	return known[h.rng.IntN(len(known))]
}

// lane is that of the connection, most of the time.
func (h *hostile) lane() uint8 { return []uint8{1, 1, 2, 3, 4, 0, 9}[h.rng.IntN(7)] }

func (h *hostile) ops() (out []replica.Op) {
	for range h.rng.IntN(5) {
		row := membership.ReachRow{UID: h.uid(), Reach: membership.Reach(h.rng.IntN(5)), Incarnation: core.Incarnation(h.number()), Name: "g@h", Addr: "nowhere:1"}
		op := replica.Op{Key: wire.ReachKey(row.UID), Value: wire.AppendReach(nil, row), Version: h.number(), Deleted: h.rng.IntN(3) == 0}
		switch h.rng.IntN(4) {
		case 0:
			op.Key, op.Value = wire.RouteKey("a/#"), nil
		case 1:
			op.Key = string(op.Value)
		case 2:
			op.Key, op.Value = wire.RecordKey(), wire.AppendRecord(nil, membership.Record{UID: h.uid(), Name: "x@y", Addr: "q:1", Joined: 1})
		}
		out = append(out, op)
	}
	return out
}

// next is the number that the node expects, most of the time.
func (h *hostile) next() uint64 {
	h.count++
	return h.count
}

func (h *hostile) keys() (out []retained.Key) {
	for i := range h.rng.IntN(4) {
		out = append(out, retained.Key{Topic: core.Topic(fmt.Sprint("r/", i)), Token: core.Token{Stamp: core.Stamp(h.number()), UID: h.uid()}})
	}
	return out
}

func (h *hostile) aboutRetained() retained.Message {
	list := retained.List{Bucket: uint8(h.rng.IntN(256)), Keys: h.keys()}
	if h.rng.IntN(2) == 0 {
		list.After, list.Until = "r/1", "r/0"
	}
	all := []retained.Message{
		retained.Digest{Reply: h.rng.IntN(2) == 0, Floor: core.Stamp(h.number()), Contact: core.Stamp(h.number())}, list,
		retained.Wants{Wants: []retained.Want{{Topic: "r/0", Absent: true}}}, retained.Done{}, retained.Synced{Stamp: core.Stamp(h.number())},
		retained.Tombstones{To: h.number(), Keys: h.keys()}, retained.TombstonesAck{To: h.number()},
	}
	return all[h.rng.IntN(len(all))]
}

func (h *hostile) item() []byte {
	m := &core.Message{Topic: "r/9", Payload: []byte("x"), Retain: h.rng.IntN(4) > 0, Extra: &core.Extra{Stamp: core.Stamp(h.number() % (1 << 61)), Node: h.uid()}}
	if h.rng.IntN(3) == 0 {
		m.Topic = "r/#"
	}
	return wire.AppendMessage(nil, m, wire.MessageOptions{})
}

// frame is a frame that may come at any time, with any numbers in it.
func (h *hostile) frame() []byte {
	inc := core.Incarnation([]uint64{1, 1, 1, h.number()}[h.rng.IntN(4)])
	frames := []wire.Frame{
		wire.Probe{ID: h.number()}, wire.Echo{ID: h.number()},
		wire.LaneAck{Lane: h.lane(), Incarnation: inc, Seq: h.number()}, wire.LaneNak{Lane: h.lane(), Incarnation: inc, From: h.number()},
		wire.LaneGrant{Lane: h.lane(), Incarnation: inc, Window: h.number()},
		replica.Ack{Incarnation: inc, Version: h.number(), Snapshot: h.number(), Position: h.number()},
		replica.Pull{Incarnation: inc, Have: h.number()},
		replica.Delta{Incarnation: inc, From: h.number(), To: h.number(), Ops: h.ops()},
		replica.Snapshot{Incarnation: inc, Version: h.number(), Part: replica.Part(1 + h.rng.IntN(3)), From: h.number(), To: h.number(), Rows: h.ops()},
		wire.Claims{Claims: []wire.Claim{{ClientID: "c", Token: core.Token{Stamp: core.Stamp(h.number())}}}},
		wire.Retained{Numbered: retained.Numbered{Number: h.number(), Message: h.aboutRetained()}}, wire.Retained{Numbered: retained.Numbered{Number: h.next(), Message: h.aboutRetained()}},
		wire.RetainedItems{Number: h.next(), Clock: 1 + h.number()%(1<<42), Count: 1, Body: h.item()},
		wire.Moved{}, wire.Welcome{}, wire.Refuse{Code: wire.Code(h.rng.IntN(12)), Text: "x"},
	}
	switch i := h.rng.IntN(len(frames) + 6); {
	case i < len(frames):
		return wire.Append(nil, frames[i])
	case i < len(frames)+2:
		part := wire.PartHeader{Lane: h.lane(), Incarnation: inc, PeerIncarnation: 1, ID: h.number() % 4, Offset: uint32(h.number()), Total: uint32(h.number())}
		return wire.AppendPart(nil, part, make([]byte, 1+h.rng.IntN(3)))
	}
	header := wire.LaneHeader{
		Lane: h.lane(), Incarnation: inc, PeerIncarnation: 1, First: h.number(), Count: uint32(h.rng.IntN(4)), RouteVersion: h.number(),
	}
	if h.rng.IntN(3) == 0 {
		return wire.AppendLane(nil, header, wire.AppendReference(nil, h.number()%4, 1))
	}
	body := wire.AppendMessage(nil, &core.Message{Topic: "x", QoS: 1}, wire.MessageOptions{})
	return wire.AppendLane(nil, header, body)
}

// Any frame at any time from a node with the cookie: nothing panics, and the
// cluster of the others goes on.
func TestFramesOutOfPlace(t *testing.T) {
	for seed := range uint64(20) {
		bubble(t, func(c *cluster) {
			a, b, _ := c.three()
			in := b.sub("y")
			for i := range 5 {
				h := c.befriend(seed*8 + uint64(i))
				if h.speaks >= dataProtocol && i%3 > 0 {
					h.onData()
				}
				for range 50 {
					if !h.say(h.frame()) {
						break
					}
					if h.rng.IntN(8) == 0 {
						time.Sleep(time.Duration(h.rng.IntN(300)) * time.Millisecond)
					}
				}
				_ = h.opts.Transport.Close()
			}
			time.Sleep(10 * time.Second)
			if took := a.pub("y", "1", 1); took > time.Second {
				t.Errorf("seed %d: a publish took %s", seed, took)
			}
			if got := in.take(); !slices.Equal(got, []string{"y=1/1"}) {
				t.Errorf("seed %d: got %v", seed, got)
			}
			c.alive("n1", "n2", "n3")
		})
	}
}

// alive fails the test unless all named nodes see each other alive.
func (c *cluster) alive(names ...string) {
	c.t.Helper()
	for _, name := range names {
		seen := c.nodes[name].alive()
		for _, other := range names {
			if !seen[other] {
				c.t.Errorf("%s does not see %s: %s", name, other, c.nodes[name].states())
			}
		}
	}
}

// A peer that floods probes and reads nothing costs bounded memory and loses
// its link; the others notice nothing.
func TestPeerThatReadsNothing(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		in := b.sub("y")
		h := c.befriend(1)
		c.net.Cut("n1:1", "evil:1") // what n1 sends is never read
		go func() {                 // blocks when n1 reads no more, until the end
			for i := range 20_000 {
				if !h.say(wire.Append(nil, wire.Probe{ID: uint64(i)})) {
					return
				}
			}
		}()
		for range 200 {
			a.publishLoose("flood", make([]byte, 200_000), 1)
		}
		a.Node.mu.Lock()
		held := 0
		if p := a.peers[h.opts.Saved.UID]; p != nil {
			held = p.outs[0].held()
		}
		a.Node.mu.Unlock()
		if held > 17<<20 {
			t.Errorf("%d bytes are held for the peer", held)
		}
		time.Sleep(10 * time.Second)
		if took := a.pub("y", "1", 1); took > time.Second {
			t.Errorf("a publish took %s", took)
		}
		if got := in.take(); !slices.Equal(got, []string{"y=1/1"}) {
			t.Errorf("got %v", got)
		}
		c.alive("n1", "n2", "n3")
		_ = h.opts.Transport.Close()
	})
}
