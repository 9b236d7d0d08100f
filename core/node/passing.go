package node

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// Bounds of what a node passes on between others.
const (
	maxRelays    = 256             // connections at a time
	relaySilence = 5 * time.Second // without a frame in one of the directions: it is closed
)

// relay is a connection between two others that this node passes on. Probes go
// both ways twice a second, so one that carries nothing is stuck or forgotten.
type relay struct {
	from, to core.NodeID
	ends     [2]transport.Link
	began    time.Time
	passed   [2]atomic.Int64 // from each end: when last, in nanoseconds since began
	running  atomic.Int32
	stuck    atomic.Bool // it was closed since it was silent
}

// relays are those of a node; opening ones count in the bound. Node.mu guards
// them.
type relays struct {
	list    []*relay
	opening int
}

func (r *relay) close() {
	for _, tl := range r.ends {
		_ = tl.Close()
	}
}

// silent reports whether nothing was passed on lately in one of the directions.
func (r *relay) silent(now time.Time) bool {
	oldest := min(r.passed[0].Load(), r.passed[1].Load())
	return now.Sub(r.began.Add(time.Duration(oldest))) > relaySilence
}

// pass makes the connection c one to the node to: what comes on it goes there,
// and the other way round.
func (n *Node) pass(c *conn, to core.UID) {
	if why := n.reserve(c.who.UID, to); why != "" {
		n.noWay(c, why)
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.DialTimeout)
	defer cancel()
	beyond, stands, err := n.dialHop(ctx, to, wire.Relay{Kind: wire.RelayFrom, UID: c.who.UID, Name: c.who.Name})
	if err == nil {
		stands.Kind, stands.UID, stands.Name = wire.RelayStands, beyond.who.UID, beyond.who.Name
		if err = c.say(wire.Welcome{Cluster: n.clusterNow(), Now: n.stamp(), Addr: n.opts.Advertise, Relay: stands}); err != nil {
			_ = beyond.tl.Close()
		}
	}
	n.mu.Lock()
	defer n.release()
	n.relays.opening--
	if err != nil {
		n.count.relaysNoWay.Add(1)
		n.log.Debug("relay failed", "from", c.who.Name, "to", n.members.Name(to), "error", err)
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseRelay, Text: "the other node does not answer here either"})
		return
	}
	r := &relay{from: c.who.Name, to: beyond.who.Name, ends: [2]transport.Link{c.tl, beyond.tl}, began: n.now()}
	r.running.Store(int32(len(r.ends)))
	n.relays.list = append(n.relays.list, r)
	n.count.relaysOpened.Add(1)
	n.log.Info("relays between two nodes whose way is cut", "from", r.from, "to", r.to)
	for i := range r.ends {
		n.start(func() { n.passes(r, i) })
	}
}

// reserve takes the room of one relay between two peers, or says why not.
func (n *Node) reserve(from, to core.UID) (why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopping:
		return "the node is stopping"
	case !n.reaches(from) || !n.reaches(to) || from == to:
		n.count.relaysNoWay.Add(1)
		return "this node does not reach both by itself"
	case len(n.relays.list)+n.relays.opening >= maxRelays:
		n.count.relaysCrowded.Add(1)
		return "this node relays for too many already"
	}
	n.relays.opening++
	return ""
}

// reaches reports whether a peer has a link to us that goes through nobody,
// and understands relayed connections.
func (n *Node) reaches(uid core.UID) bool {
	p := n.peers[uid]
	return p != nil && p.link != nil && !p.link.ended() && p.link.via.IsZero() && p.link.relays
}

// noWay refuses to be a part of a relayed link.
func (n *Node) noWay(c *conn, why string) {
	n.mu.Lock()
	defer n.release()
	n.answerOnly(c, wire.Refuse{Code: wire.RefuseRelay, Text: why})
}

// passes is the goroutine that passes on the frames from one end. It waits for
// the other end to take each, so a slow one slows the sender, as without us.
func (n *Node) passes(r *relay, end int) {
	for {
		frame, err := r.ends[end].Receive()
		if err == nil {
			err = r.ends[1-end].Send(frame)
		}
		if err != nil {
			break
		}
		r.passed[end].Store(int64(n.now().Sub(r.began)))
		n.count.framesRelayed.Add(1)
		n.count.bytesRelayed.Add(uint64(len(frame)))
	}
	r.close()
	if r.running.Add(-1) > 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.relays.list = slices.DeleteFunc(n.relays.list, func(o *relay) bool { return o == r })
	if r.stuck.Load() {
		n.count.relaysSilent.Add(1)
	} else {
		n.count.relaysEnded.Add(1)
	}
	n.log.Info("relay between two nodes has ended", "from", r.from, "to", r.to, "silent", r.stuck.Load())
}

// closeSilent closes the relays that pass nothing on. The caller holds Node.mu.
func (n *Node) closeSilent() {
	for _, r := range n.relays.list {
		if r.silent(n.now()) {
			r.stuck.Store(true)
			r.close()
		}
	}
}
