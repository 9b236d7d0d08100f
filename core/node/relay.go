package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// Where the way between two nodes is cut and a third reaches both, the link of
// the two goes through that one (docs/wire.md, "Relay"). This file is the ends;
// passing.go is the node between.

// way is how a node is dialled: at its address or, with via, by the peer via,
// which passes on what is for the node to.
type way struct{ via, to core.UID }

// relayedLink is a connection whose other end is a node beyond the one that the
// transport has it to.
type relayedLink struct {
	transport.Link
	via  core.UID
	to   core.UID    // who the node between says is at the other end
	name core.NodeID // and what it is called
}

var _ transport.Link = (*relayedLink)(nil)

// Info describes the link as a whole: the node between could read and change
// frames, and what its certificate says is not about the other end.
func (l *relayedLink) Info() transport.Info {
	hop := l.Link.Info()
	return transport.Info{Local: hop.Local, Remote: fmt.Sprintf("%s through %s", l.name, hop.Remote)}
}

// Came counts the bytes that have come, where the transport does.
func (l *relayedLink) Came() uint64 {
	if c, ok := l.Link.(counting); ok {
		return c.Came()
	}
	return 0
}

var _ counting = (*relayedLink)(nil)

// errNotVouched says that another node answers through a relay than the one
// that the node between has named.
var errNotVouched = errors.New("the node at the other end is not the one that the relay named")

// vouched returns the node that a connection goes through, whose word on who is
// at the other end must fit the hello: it has seen the certificate, if any.
func vouched(tl transport.Link, who wire.Identity) (core.UID, error) {
	l, ok := tl.(*relayedLink)
	if !ok {
		return core.UID{}, nil
	}
	if who.UID != l.to || who.Name != l.name {
		return core.UID{}, fmt.Errorf("%s: %w", who.Name, errNotVouched)
	}
	return l.via, nil
}

// dial opens a connection by a way.
func (n *Node) dial(ctx context.Context, addr string, by way) (transport.Link, error) {
	if by.via.IsZero() {
		return n.opts.Transport.Dial(ctx, addr)
	}
	c, stands, err := n.dialHop(ctx, by.via, wire.Relay{Kind: wire.RelayTo, UID: by.to})
	if err != nil {
		return nil, err
	}
	return &relayedLink{Link: c.tl, via: by.via, to: by.to, name: stands.Name}, nil
}

// dialHop opens one of the two connections of a relayed link, to the peer uid.
func (n *Node) dialHop(ctx context.Context, uid core.UID, what wire.Relay) (*conn, wire.Relay, error) {
	n.mu.Lock()
	addr := n.members.Addr(uid)
	mine := wire.Welcome{Cluster: n.cluster, Now: n.stamp(), Addr: n.opts.Advertise, Relay: what}
	n.mu.Unlock()
	tl, err := n.opts.Transport.Dial(ctx, addr)
	if err != nil {
		return nil, wire.Relay{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = tl.Close() })
	c, stands, err := n.askHop(tl, uid, mine)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tl.Close()
		return nil, wire.Relay{}, fmt.Errorf("%s: %w", addr, err)
	}
	return c, stands, nil
}

// askHop proves who we are and asks for the rest of the way.
func (n *Node) askHop(tl transport.Link, uid core.UID, mine wire.Welcome) (*conn, wire.Relay, error) {
	c, err := n.hello(tl, wire.Dialler)
	if err != nil {
		return nil, wire.Relay{}, err
	}
	if c.who.UID != uid || c.who.Features&wire.FeatureRelay == 0 {
		return nil, wire.Relay{}, fmt.Errorf("%s answers, which was not to relay", c.who.Name)
	}
	theirs, err := c.exchange(mine)
	if err == nil && theirs.Relay.Kind != wire.RelayStands {
		err = errors.New("the answer is none to a relay")
	}
	return c, theirs.Relay, err
}

// relayMember makes one attempt to link with a member through another.
func (n *Node) relayMember(uid, via core.UID) {
	n.mu.Lock()
	addr := n.members.Addr(uid)
	n.mu.Unlock()
	a, err := n.connect(addr, intent{want: uid, via: via})
	n.mu.Lock()
	defer n.release()
	var refused *RefusedError
	if errors.As(err, &refused) && refused.UID == uid {
		n.refusedBy(refused)
	}
	if p := n.peers[uid]; err != nil && p != nil {
		n.log.Debug("no link through another node", "peer", p.name, "through", n.members.Name(via), "error", err)
	}
	n.members.Relayed(n.now(), uid, a.linked)
}

// settleRelay takes a connection that is a part of a relayed link: ours, or
// one between two others.
func (n *Node) settleRelay(c *conn, what wire.Relay) {
	if what.Kind == wire.RelayTo {
		n.pass(c, what.UID)
		return
	}
	n.mu.Lock()
	p := n.peers[c.who.UID]
	known := what.Kind == wire.RelayFrom && p != nil && p.link != nil && p.link.via.IsZero() && !n.stopping
	n.mu.Unlock()
	if !known {
		n.noWay(c, "this node has no link to the one that relays")
		return
	}
	s := n.opts.Saved
	if err := c.say(wire.Welcome{
		Cluster: n.clusterNow(), Now: n.stamp(), Addr: n.opts.Advertise, Relay: wire.Relay{Kind: wire.RelayStands, UID: s.UID, Name: s.Name},
	}); err != nil {
		_ = c.tl.Close()
		return
	}
	n.accepted(&relayedLink{Link: c.tl, via: c.who.UID, to: what.UID, name: what.Name})
}

// say sends one sealed frame on a connection that is no link yet.
func (c *conn) say(f wire.Frame) error {
	frame, err := c.sealer.Seal(wire.Append(nil, f))
	if err != nil {
		return err
	}
	return c.tl.Send(frame)
}

// tellWay logs and counts a link that goes through another node, and one that
// does so no more.
func (n *Node) tellWay(l *link) {
	was := l.peer.relayed
	l.peer.relayed = !l.via.IsZero()
	switch {
	case l.peer.relayed:
		n.count.linksRelayed.Add(1)
		n.log.Warn("the way to a peer is cut, its link goes through another node", "peer", l.peer.name, "through", n.members.Name(l.via))
	case was:
		n.log.Info("the way to a peer is open again, its link is direct", "peer", l.peer.name)
	}
}
