package node

import (
	"fmt"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// account checks that no message of any lane is unaccounted for, at both ends.
// It runs at the end of every test with a cluster.
func (c *cluster) account() (wrong []string) {
	failed := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, n := range c.nodes {
		if n.Node == nil {
			continue
		}
		if routed, sum := n.routedSum(); routed != sum {
			failed("%s: %d routed, %d forwarded or dropped", n.name, routed, sum)
		}
		for uid, peer := range n.peersNow() {
			for _, l := range peer.outs {
				if why := c.accountLane(n, c.byUID(uid), l); why != "" {
					failed("%s to %s, lane %d: %s", n.name, uid, l.pair.number, why)
				}
			}
		}
	}
	return wrong
}

// routedSum returns how many messages were routed to nodes, and how many of
// them were forwarded or dropped by any reason.
func (n *testNode) routedSum() (routed, sum uint64) {
	x := &n.count
	for _, dropped := range []uint64{
		x.droppedLane.Load(), x.droppedCredit.Load(), x.droppedLong.Load(), x.droppedFailed.Load(), x.droppedLeft.Load(),
	} {
		sum += dropped
	}
	return x.routed.Load(), sum + x.forwarded.Load()
}

func (n *testNode) peersNow() map[core.UID]*peer {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	out := map[core.UID]*peer{}
	for uid, p := range n.peers {
		out[uid] = p
	}
	return out
}

// dropped reports whether the node has ever dropped a peer.
func (n *testNode) dropped() bool {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	return len(n.retired) > 0
}

func (c *cluster) byUID(uid core.UID) *testNode {
	for _, n := range c.nodes {
		if n.Node != nil && n.opts.Saved.UID == uid {
			return n
		}
	}
	return nil
}

// accountLane compares both ends of a lane. What a process knew died with it,
// and so does what is known of a peer that is dropped: there only the sending
// end is looked at.
func (c *cluster) accountLane(from, to *testNode, l *outLane) (wrong string) {
	l.mu.Lock()
	forwarded, acked, lost := l.forwarded, l.acked, l.lost
	waiting := l.sender.Last() + 1 - l.sender.Base() + uint64(len(l.late))
	l.mu.Unlock()
	if forwarded != acked+lost+waiting {
		return fmt.Sprintf("%d taken in, %d acknowledged, %d lost, %d waiting", forwarded, acked, lost, waiting)
	}
	if to == nil || from.opts.Saved.Incarnation > 1 || to.opts.Saved.Incarnation > 1 || from.dropped() || to.dropped() {
		return ""
	}
	p := to.peersNow()[from.opts.Saved.UID]
	if p == nil {
		return ""
	}
	in := p.lanes[l.pair.number-firstLane].in
	in.mu.Lock()
	received := in.received
	in.mu.Unlock()
	if received < acked || received > forwarded || waiting == 0 && lost == 0 && received != forwarded {
		return fmt.Sprintf("%d taken in, %d acknowledged, %d accepted", forwarded, acked, received)
	}
	return ""
}

// The check is one: a message that is not counted is found.
func TestAccountFindsWhatIsMissing(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		b.sub("x")
		a.pub("x", "1", 1)
		l := a.peersNow()[b.opts.Saved.UID].outs[0]
		in := b.peersNow()[a.opts.Saved.UID].lanes[0].in
		for name, wrong := range map[string]func(by uint64){
			"forwarded": func(by uint64) { a.count.forwarded.Add(by) },
			"taken in":  func(by uint64) { l.forwarded += by },
			"accepted":  func(by uint64) { in.received += by },
		} {
			wrong(1)
			found := c.account()
			wrong(^uint64(0))
			if len(found) == 0 {
				t.Errorf("a message too many is not found: %s", name)
			}
		}
	})
}
