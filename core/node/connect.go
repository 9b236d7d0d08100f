package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// intent is why a node dials another; it is told in the dialler's Welcome.
type intent struct {
	probe    bool     // only asks; the link closes after the answer
	merge    bool     // two clusters may become one
	operator bool     // an operator's join: lifts a fence
	want     core.UID // who must answer; zero: anybody
}

// conn is a connection whose hello has passed, before it is decided whether
// it becomes the link of a peer.
type conn struct {
	tl      transport.Link
	who     wire.Identity
	sealer  *wire.Sealer
	opener  *wire.Opener
	dialler core.UID
	lane    *outLane // to that node when our welcome was made; nil if it was no peer
	base    uint64   // what our welcome says of the lane to it
}

// answer is what a dial brought.
type answer struct {
	who     wire.Identity
	welcome wire.Welcome
	linked  bool
}

// identity is what our hello says.
func (n *Node) identity() wire.Identity {
	s := n.opts.Saved
	return wire.Identity{Cluster: n.opts.ClusterName, UID: s.UID, Incarnation: s.Incarnation, Name: s.Name}
}

// connect dials addr, proves who we are and, if both sides agree, makes the
// connection the link of a peer.
func (n *Node) connect(addr string, why intent) (answer, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.DialTimeout)
	defer cancel()
	tl, err := n.opts.Transport.Dial(ctx, addr)
	if err != nil {
		return answer{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = tl.Close() })
	c, err := n.hello(tl, wire.Dialler)
	if err != nil {
		_ = tl.Close()
		return answer{}, n.silent(ctx, addr, err)
	}
	if !why.want.IsZero() && c.who.UID != why.want {
		_ = tl.Close()
		return answer{who: c.who}, fmt.Errorf("%s: %s answers there now", addr, c.who.Name)
	}
	c.dialler = n.opts.Saved.UID
	mine := n.welcome(c, why)
	theirs, err := c.exchange(mine)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tl.Close()
		return answer{}, n.silent(ctx, addr, err)
	}
	a := answer{who: c.who, welcome: theirs}
	if why.probe {
		return a, tl.Close()
	}
	if a.linked, err = n.settleDialled(c, mine, theirs); a.linked {
		return a, nil
	}
	return a, err
}

// silent names the address in an error, and tells a peer that said nothing in
// time from one that closed the connection.
func (n *Node) silent(ctx context.Context, addr string, err error) error {
	if ctx.Err() != nil && n.ctx.Err() == nil {
		return fmt.Errorf("%s: no hello within %s: %w", addr, n.opts.DialTimeout, context.DeadlineExceeded)
	}
	return fmt.Errorf("%s: %w", addr, err)
}

// dialMember dials a member that membership wants a link to.
func (n *Node) dialMember(uid core.UID, addr string) {
	a, err := n.connect(addr, intent{want: uid})
	n.mu.Lock()
	defer n.release()
	if a.linked {
		return // Met or Answered has been told
	}
	if a.who.UID == uid && a.welcome.Left && a.welcome.Cluster.UID != n.cluster.UID {
		n.members.Bye(n.now(), n.stamp(), uid, membership.ByeLeave) // we missed its good-bye
		return
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		n.refusedBy(refused)
	}
	if p := n.peers[uid]; err != nil && p != nil {
		n.log.Debug("dial failed", "peer", p.name, "addr", addr, "error", err)
	}
	n.members.DialFailed(n.now(), uid, errors.Is(err, transport.ErrRefused))
}

// exchange sends the dialler's welcome and returns the acceptor's.
func (c *conn) exchange(mine wire.Welcome) (wire.Welcome, error) {
	frame, err := c.sealer.Seal(wire.Append(nil, mine))
	if err != nil {
		return wire.Welcome{}, err
	}
	if err := c.tl.Send(frame); err != nil {
		return wire.Welcome{}, err
	}
	return c.receiveWelcome()
}

// receiveWelcome reads the first authenticated frame of the other side.
func (c *conn) receiveWelcome() (wire.Welcome, error) {
	raw, err := c.tl.Receive()
	if err != nil {
		return wire.Welcome{}, err
	}
	body, err := c.opener.Open(raw)
	if err != nil {
		return wire.Welcome{}, err
	}
	f, err := wire.Decode(body)
	if err != nil {
		return wire.Welcome{}, err
	}
	switch f := f.(type) {
	case wire.Welcome:
		return f, nil
	case wire.Refuse:
		return wire.Welcome{}, &RefusedError{UID: c.who.UID, Name: c.who.Name, Code: f.Code, Text: f.Text}
	case wire.Entries:
		return wire.Welcome{}, &RefusedError{
			UID: c.who.UID, Name: c.who.Name, Code: wire.RefuseFenced, Text: "this node was removed from the cluster", Entries: f.Entries,
		}
	}
	return wire.Welcome{}, errors.New("the first frame is no welcome")
}

// RefusedError is the answer of a node that will not have us.
type RefusedError struct {
	UID  core.UID
	Name core.NodeID
	Code wire.Code
	Text string
	// Entries are the decisions that a removed node is told.
	Entries []membership.Entry
}

// Error returns the other side's reason.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s refuses: %s", e.Name, e.Text) }

// hello runs the handshake of one role over a new link.
func (n *Node) hello(tl transport.Link, role wire.Role) (*conn, error) {
	tl.SetLimit(wire.MaxHello)
	h, err := wire.NewHandshake(role, n.identity(), wire.Options{Key: n.opts.Key, Info: tl.Info(), Rand: rand.Reader})
	if err != nil {
		return nil, err
	}
	if first := h.Start(); first != nil {
		if err := tl.Send(first); err != nil {
			return nil, err
		}
	}
	for {
		frame, err := tl.Receive()
		if err != nil {
			return nil, err
		}
		reply, done, err := h.Step(frame)
		if reply != nil {
			if sent := tl.Send(reply); err == nil {
				err = sent
			}
		}
		if err != nil {
			return nil, err
		}
		if done {
			return newConn(tl, h.Result())
		}
	}
}

// newConn is a connection after its proof.
func newConn(tl transport.Link, p wire.Peer) (*conn, error) {
	tl.SetLimit(transport.MaxFrame)
	encrypted := tl.Info().Encrypted
	sealer, err := wire.NewSealer(p.Send, encrypted)
	if err != nil {
		return nil, err
	}
	opener, err := wire.NewOpener(p.Recv, encrypted)
	return &conn{tl: tl, who: p.Identity, sealer: sealer, opener: opener}, err
}

// isSelf reports whether a dial has reached the node that made it.
func isSelf(err error) bool { return refusalCode(err) == wire.RefuseSelf }

// refusalCode returns why a hello was refused, by either side; 0 if it was
// not.
func refusalCode(err error) wire.Code {
	var hello *wire.Refusal
	var later *RefusedError
	switch {
	case errors.As(err, &hello):
		return hello.Code
	case errors.As(err, &later):
		return later.Code
	}
	return 0
}

// welcome is our first authenticated frame to the peer of c.
func (n *Node) welcome(c *conn, why intent) wire.Welcome {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.welcomeLocked(c, why)
}

func (n *Node) welcomeLocked(c *conn, why intent) wire.Welcome {
	w := wire.Welcome{
		Cluster: n.cluster, Merged: n.merged, Left: n.left, Now: n.stamp(), Addr: n.opts.Advertise,
		Probe: why.probe, Merge: why.merge, Operator: why.operator,
	}
	c.lane, c.base = nil, 0
	pos := wire.LanePosition{Lane: theLane}
	if p := n.peers[c.who.UID]; p != nil {
		c.lane, c.base = p.out, p.out.base()
		if inc, accepted := p.in.accepted(); inc == c.who.Incarnation {
			pos.Incarnation, pos.Received = inc, accepted
		}
		w.Have = p.copy.Have()
	}
	if c.lane == nil {
		c.base = n.laneBase(c.who.UID)
		if at := n.recovered[c.who.UID]; at.Incarnation == c.who.Incarnation {
			pos.Incarnation, pos.Received = at.Incarnation, at.Seq
		}
	}
	pos.Base = c.base
	w.Lanes = []wire.LanePosition{pos}
	return w
}

// closeAfterPeer closes a connection when the other side has, or after wait.
func (c *conn) closeAfterPeer(wait time.Duration) {
	stop := time.AfterFunc(wait, func() { _ = c.tl.Close() })
	defer stop.Stop()
	_, _ = c.tl.Receive()
	_ = c.tl.Close()
}
