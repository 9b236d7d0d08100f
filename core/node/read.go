package node

import (
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/wire"
)

// claimBatch is how many bytes of claims travel in one frame; a longer claim
// goes alone. claimOverhead is what a claim takes beside its client ID.
const (
	claimBatch    = 64 << 10
	claimOverhead = 32
)

// read is the reader goroutine of a link.
func (n *Node) read(l *link) {
	err := n.readAll(l)
	l.end()
	n.unlinkRetained(l)
	n.mu.Lock()
	if l.peer.link == l {
		n.detach(l.peer)
		n.log.Info("link lost", "peer", l.peer.name, "error", err)
		n.members.LinkDown(n.now(), l.peer.uid)
	}
	n.release()
}

func (n *Node) readAll(l *link) error {
	for {
		raw, err := l.tl.Receive()
		if err != nil {
			return err
		}
		body, err := l.opener.Open(raw)
		if err == nil {
			l.hear(n.now())
			err = n.receive(l, body)
		}
		if err != nil {
			n.count.badFrames.Add(1)
			return err
		}
	}
}

// errNoLane refuses a frame of a lane on a link that carries none.
var errNoLane = errors.New("frame of a data lane on a link that carries none")

// receive takes one frame of a link.
func (n *Node) receive(l *link, body []byte) error {
	lane, part := wire.IsLane(body), wire.IsPart(body)
	switch {
	case l.lanes == nil && (lane || part):
		return errNoLane
	case lane:
		return n.receiveLane(l, body)
	case part:
		return n.receivePart(l, body)
	}
	return n.receiveControl(l, body)
}

// receiveControl takes one control frame. What concerns the data lane alone
// needs no lock but the lane's.
func (n *Node) receiveControl(l *link, body []byte) error {
	f, err := wire.Decode(body)
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case wire.LaneAck, wire.LaneNak, wire.LaneGrant:
		return l.laneTold(f)
	}
	if l.data {
		return n.receiveData(l, f)
	}
	switch f := f.(type) {
	case wire.Retained, wire.RetainedItems:
		return n.receiveRetained(l, f)
	}
	if l.lanes != nil {
		n.echoLane(l, f)
	}
	n.mu.Lock()
	defer n.release()
	if l.peer.link != l {
		if bye, ok := f.(wire.Bye); ok { // a good-bye counts on a link that is being replaced too
			n.bye(l, bye)
		}
		return nil // on its way out
	}
	return n.control(l.peer, f)
}

func (n *Node) control(p *peer, f wire.Frame) error {
	switch f := f.(type) {
	case wire.Probe:
		n.sendTo(p.uid, wire.Echo{ID: f.ID, ViewHash: n.members.Hash()})
	case wire.Echo:
		n.members.Echo(n.now(), p.uid)
	case wire.Bye:
		n.bye(p.link, f)
	case wire.Entries:
		n.members.Merge(n.now(), n.credible(f.Entries))
	case wire.Moved:
		n.moved(f)
	case wire.Claims:
		n.takeClaims(f.Claims)
	case wire.Refuse:
		e := &RefusedError{UID: p.uid, Name: p.name, Code: f.Code, Text: f.Text}
		n.refusedBy(e)
		return e
	case wire.Unknown, wire.Welcome:
	default:
		return n.tableFrame(p, f)
	}
	return nil
}

// bye takes a good-bye, unless the node that said it has started anew since.
func (n *Node) bye(l *link, f wire.Bye) {
	p := l.peer
	l.end()
	if n.peers[p.uid] != p || p.link != nil && p.link.inc > l.inc {
		return
	}
	n.log.Info("peer says good-bye", "peer", p.name, "leaves", f.Kind == membership.ByeLeave)
	if p.link != nil {
		p.link.end()
	}
	n.detach(p)
	n.members.Bye(n.now(), n.stamp(), p.uid, f.Kind)
}

// tableFrame takes a frame of the replicated tables.
func (n *Node) tableFrame(p *peer, f wire.Frame) error {
	switch f := f.(type) {
	case replica.Delta:
		changes, reply := p.copy.Delta(f)
		n.applied(p, changes, reply)
	case replica.Snapshot:
		changes, reply := p.copy.Snapshot(f)
		n.applied(p, changes, reply)
	case replica.Ack:
		err := p.feed.Ack(f)
		n.feedMoved(p)
		return err
	case replica.Pull:
		err := p.feed.Pull(f)
		n.feedMoved(p)
		return err
	default:
		return fmt.Errorf("unexpected frame %T", f)
	}
	return nil
}

// applied brings changes into effect and tells the origin how far we are. The
// changes may cost the peer its link: a row may say that it is gone.
func (n *Node) applied(p *peer, changes []replica.Change, reply replica.Message) {
	n.applyChanges(p, changes)
	if reply != nil {
		n.sendTo(p.uid, reply)
	}
}

func (n *Node) feedMoved(p *peer) {
	p.link.tables.Store(true)
	p.link.wake()
	n.acknowledged()
}

// credible leaves out entries whose stamp is too far in the future.
func (n *Node) credible(entries []membership.Entry) []membership.Entry {
	out := entries[:0:0]
	for _, e := range entries {
		if err := n.clock.Observe(e.Stamp, n.now()); err != nil {
			n.count.stampsAhead.Add(1)
			continue
		}
		out = append(out, e)
	}
	return out
}

// moved follows the peers of our cluster when it is merged into another.
func (n *Node) moved(m wire.Moved) {
	to := n.standing()
	changed := to.Follow(m.Cluster, m.Merged)
	n.moveTo(to, changed)
}

func (n *Node) takeClaims(claims []wire.Claim) {
	credible := claims[:0:0]
	for _, c := range claims {
		if err := n.clock.Observe(c.Token.Stamp, n.now()); err != nil {
			n.count.stampsAhead.Add(1)
			continue
		}
		credible = append(credible, c)
	}
	if n.sessions == nil {
		return
	}
	n.later = append(n.later, func() {
		for _, c := range credible {
			n.sessions.TakenOver(c.ClientID, c.Token, c.Discard)
		}
	})
}

// Claim says to every peer that a client connects here. See mqtt.Cluster.
func (n *Node) Claim(clientID string, discard bool) core.Token {
	n.mu.Lock()
	defer n.release()
	t := core.Token{Stamp: n.stamp(), UID: n.opts.Saved.UID}
	n.broadcast(wire.Claims{Claims: []wire.Claim{{ClientID: clientID, Token: t, Discard: discard}}})
	return t
}

// tellClaims tells a new link who is connected here, so that a client that
// connected on both sides of a split keeps one connection.
func (n *Node) tellClaims(l *link) {
	if n.sessions == nil {
		return
	}
	var all []wire.Claims
	var batch []wire.Claim
	size := 0
	n.sessions.Connected(func(clientID string, t core.Token) bool {
		if size += len(clientID) + claimOverhead; size > claimBatch && len(batch) > 0 {
			all, batch, size = append(all, wire.Claims{Claims: batch}), nil, len(clientID)+claimOverhead
		}
		batch = append(batch, wire.Claim{ClientID: clientID, Token: t})
		return true
	})
	if len(batch) > 0 {
		all = append(all, wire.Claims{Claims: batch})
	}
	l.tell(all)
}

// refusedBy takes a refusal to heart: a node that was removed from its
// cluster is told so when it knocks.
func (n *Node) refusedBy(e *RefusedError) {
	if _, member := n.members.StateOf(e.UID); member {
		for _, x := range e.Entries { // the first frame of a hello: both take the higher time
			n.observeStamp(x.Stamp)
		}
		n.members.Merge(n.now(), e.Entries)
	} else if e.Code == wire.RefuseFenced && !n.cluster.IsZero() && !n.left && !n.opts.Form.RejoinAfterLeave {
		n.setLeft(true) // it stays in its own cluster and knocks no more
		n.markDirty()
		n.log.Warn("this node was removed from the cluster that it would merge with; `muster cluster join` on it lets it in again", "by", e.Name)
	}
	if e.Code != wire.RefuseRedundant && e.Code != wire.RefuseBusy && !n.quiet.hush(string(e.Name), e.Code, n.now()) {
		n.log.Warn("refused", "by", e.Name, "reason", e.Text)
	}
}
