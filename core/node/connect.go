package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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
	via      core.UID // who relays; zero: nobody
	sent     bool     // the address is one that a welcome named
}

// conn is a connection whose hello has passed, before it is decided whether
// it becomes the link of a peer.
type conn struct {
	tl      transport.Link
	who     wire.Identity
	sealer  *wire.Sealer
	opener  *wire.Opener
	dialler core.UID
	lane    *lanePair // to that node when our welcome was made; nil if it was no peer
	base    uint64    // what our welcome says of the lane to it
	speaks  uint16    // the protocol of both sides
	addr    string    // that was dialled; "" if the other side did
	via     core.UID  // the node that it goes through; zero: none
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
	who := wire.Identity{Cluster: n.opts.ClusterName, UID: s.UID, Incarnation: s.Incarnation, Name: s.Name}
	if n.speaks() >= dataProtocol {
		who.Features = wire.FeatureRelay
	}
	return who
}

// connect dials addr, proves who we are and, if both sides agree, makes the
// connection the link of a peer. Where links are for a hello only it goes on to
// the address that the answer names.
func (n *Node) connect(addr string, why intent) (answer, error) {
	a, helloOnly, err := n.connectAt(addr, why)
	if err != nil || !helloOnly || why.probe {
		return a, err
	}
	if why.sent {
		return a, fmt.Errorf("%s: %s links over another transport: give all nodes the same transport.type", addr, a.who.Name)
	}
	why.sent, why.want = true, a.who.UID
	return n.connect(a.welcome.Addr, why)
}

func (n *Node) connectAt(addr string, why intent) (_ answer, helloOnly bool, _ error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.DialTimeout)
	defer cancel()
	tl, err := n.dial(ctx, addr, way{via: why.via, to: why.want})
	if err != nil {
		return answer{}, false, err
	}
	helloOnly = tl.Info().HelloOnly
	why.probe = why.probe || helloOnly
	stop := context.AfterFunc(ctx, func() { _ = tl.Close() })
	c, err := n.hello(tl, wire.Dialler)
	if err != nil {
		_ = tl.Close()
		return answer{}, helloOnly, n.silent(ctx, addr, err)
	}
	if !why.want.IsZero() && c.who.UID != why.want {
		_ = tl.Close()
		return answer{who: c.who}, helloOnly, fmt.Errorf("%s: %s answers there now", addr, c.who.Name)
	}
	c.dialler, c.addr = n.opts.Saved.UID, addr
	mine := n.welcome(c, why)
	theirs, err := c.exchange(mine)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tl.Close()
		return answer{}, helloOnly, n.silent(ctx, addr, err)
	}
	a := answer{who: c.who, welcome: theirs}
	if why.probe {
		return a, helloOnly, tl.Close()
	}
	if a.linked, err = n.settleDialled(c, mine, theirs); a.linked {
		return a, helloOnly, nil
	}
	return a, helloOnly, err
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
		n.logDial(p, addr, err)
	}
	n.members.DialFailed(n.now(), uid, errors.Is(err, transport.ErrRefused))
}

// logDial tells why a member was not reached, loudly and once a minute where
// somebody has to change something.
func (n *Node) logDial(p *peer, addr string, err error) {
	level := slog.LevelDebug
	code := refusalCode(err)
	switch code {
	case wire.RefuseCluster, wire.RefuseVersion, wire.RefuseProof, wire.RefuseCertificate:
		level = slog.LevelWarn
	case 0:
		if errors.Is(err, transport.ErrUntrusted) {
			level = slog.LevelWarn
		}
	}
	if level == slog.LevelWarn && n.quiet.hush(addr, code, n.now()) {
		level = slog.LevelDebug
	}
	n.log.Log(n.ctx, level, "dial failed", "peer", p.name, "addr", addr, "error", err)
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
	h, err := wire.NewHandshake(role, n.identity(), wire.Options{Key: n.opts.Key, Info: tl.Info(), Rand: rand.Reader, Protocol: n.opts.Protocol})
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
	via, err := vouched(tl, p.Identity)
	if err != nil {
		return nil, err
	}
	tl.SetLimit(transport.MaxFrame)
	encrypted := tl.Info().Encrypted
	sealer, err := wire.NewSealer(p.Send, encrypted)
	if err != nil {
		return nil, err
	}
	opener, err := wire.NewOpener(p.Recv, encrypted)
	return &conn{tl: tl, who: p.Identity, sealer: sealer, opener: opener, speaks: p.Protocol, via: via}, err
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
	if c.speaks >= dataProtocol {
		w.Count = uint8(n.opts.DataLanes)
	}
	w.Lanes = []wire.LanePosition{n.firstPosition(c)}
	if p := n.peers[c.who.UID]; p != nil {
		w.Have = p.copy.Have()
	}
	return w
}

// firstPosition is what a welcome says of the first lane; by protocol 1 there
// is no other. The welcome of a data connection says it anew.
func (n *Node) firstPosition(c *conn) wire.LanePosition {
	c.lane, c.base = nil, 0
	p := n.peers[c.who.UID]
	if p != nil && c.speaks < dataProtocol && len(p.outs) > 1 {
		n.dropPeer(c.who.UID) // it is of an older build now, and has but one lane
		p = nil
	}
	if p != nil {
		c.lane = p.lanes[0]
		pos := c.lane.position(c.who.Incarnation)
		c.base = pos.Base
		return pos
	}
	c.base = n.laneBase(c.who.UID)
	pos := wire.LanePosition{Lane: firstLane, Base: c.base}
	if at := n.recovered[laneKey{c.who.UID, firstLane}]; at.Incarnation == c.who.Incarnation {
		pos.Incarnation, pos.Received = at.Incarnation, at.Seq
	}
	return pos
}

// closeAfterPeer closes a connection when the other side has, or after wait.
func (c *conn) closeAfterPeer(wait time.Duration) {
	stop := time.AfterFunc(wait, func() { _ = c.tl.Close() })
	defer stop.Stop()
	_, _ = c.tl.Receive()
	_ = c.tl.Close()
}
