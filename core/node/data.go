package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
)

// dataProtocol is the first version with data connections: a lane has one of
// its own beside the link, so that neither waits for the other. By version 1
// the one lane is carried by the link.
const dataProtocol = 2

// Times of data connections.
const (
	dataProbe   = 500 * time.Millisecond // between probes
	dataSilence = 2 * time.Second        // without any byte: it is dialled anew
)

// tends is the goroutine that keeps the data connections: those of links that
// we have dialled are dialled by us, all are probed, and a silent one is closed.
func (n *Node) tends() {
	tick := time.NewTicker(dataProbe)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
		}
		n.mu.Lock()
		for _, p := range n.peers {
			n.probeData(p)
			n.wantData(p)
		}
		n.closeSilent()
		n.mu.Unlock()
	}
}

// probeData probes the data connections of a peer.
func (n *Node) probeData(p *peer) {
	for _, l := range p.data {
		switch {
		case l == nil || l.ended():
		case !l.lives(n.now(), dataSilence), !l.queue(wire.Probe{ID: uint64(n.stamp())}):
			n.count.dataLost.Add(1)
			n.log.Info("data connection fell silent", "peer", p.name, "lane", l.lanes.number)
			l.end()
		}
	}
}

// wantData dials the data connections that a peer lacks, if it is ours to dial.
func (n *Node) wantData(p *peer) {
	l := p.link
	if l == nil || l.ended() || l.addr == "" || l.speaks < dataProtocol || n.stopping || n.ctx.Err() != nil {
		return
	}
	for i := range p.lanes {
		if i < max(n.opts.DataLanes, int(l.theirLanes)) && (p.data[i] == nil || p.data[i].ended()) && !p.dialling[i] {
			p.dialling[i] = true
			pause := p.redials[i].pause(n.now())
			n.start(func() { n.dialsData(l, p.lanes[i], pause) })
		}
	}
}

// dialsData makes one attempt at the data connection of a lane, after a pause.
func (n *Node) dialsData(control *link, pair *lanePair, pause time.Duration) {
	err := errGone
	if n.pauseDial(control, pair, pause) {
		err = n.dialData(control, pair)
	}
	n.mu.Lock()
	defer n.release()
	p := control.peer
	p.dialling[pair.number-firstLane] = false
	if err != nil && !errors.Is(err, errGone) {
		n.log.Debug("data connection failed", "peer", p.name, "lane", pair.number, "error", err)
	}
	n.wantData(p) // the connection that was made may be lost already
}

// errGone says that the link of a data connection is gone, or another one.
var errGone = errors.New("the link is not what it was")

func (n *Node) dialData(control *link, pair *lanePair) error {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.DialTimeout)
	defer cancel()
	tl, err := n.dial(ctx, control.addr, way{via: control.via, to: control.peer.uid})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = tl.Close() })
	c, err := n.hello(tl, wire.Dialler)
	if err == nil && (c.who.UID != control.peer.uid || c.who.Incarnation != control.inc || c.speaks < dataProtocol) {
		err = fmt.Errorf("%s: %w", control.addr, errGone)
	}
	var theirs wire.Welcome
	if err == nil {
		theirs, err = c.exchange(n.dataWelcome(pair, c))
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tl.Close()
		return err
	}
	c.dialler = n.opts.Saved.UID
	n.mu.Lock()
	defer n.release()
	if n.stopping || control.peer.link != control || control.ended() {
		_ = tl.Close()
		return errGone
	}
	return n.installData(control.peer, c, pair, theirs, nil)
}

// pauseDial waits until the connection of a lane is to be dialled; false if the
// link that it belongs to ends before.
func (n *Node) pauseDial(control *link, pair *lanePair, pause time.Duration) bool {
	if pause > 0 {
		wait := time.NewTimer(pause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-control.done:
			return false
		case <-n.ctx.Done():
			return false
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	control.peer.redials[pair.number-firstLane].dialled(n.now())
	return true
}

// dataWelcome is our first authenticated frame on the data connection of a
// lane.
func (n *Node) dataWelcome(pair *lanePair, c *conn) wire.Welcome {
	return wire.Welcome{
		Cluster: n.clusterNow(), Now: n.stamp(), Addr: n.opts.Advertise, Data: pair.number, Count: uint8(n.opts.DataLanes),
		Lanes: []wire.LanePosition{pair.position(c.who.Incarnation)},
	}
}

func (n *Node) clusterNow() core.Cluster {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster
}

// settleData decides on an inbound data connection: it belongs to the link that
// the same node has dialled.
func (n *Node) settleData(c *conn, theirs wire.Welcome) {
	n.mu.Lock()
	defer n.release()
	p := n.peers[c.who.UID]
	if p == nil || p.link == nil || p.link.ended() || p.link.dialler != c.who.UID || p.link.via != c.via || p.link.inc != c.who.Incarnation ||
		p.link.speaks < dataProtocol || c.speaks < dataProtocol || theirs.Data < firstLane || n.stopping {
		n.answerOnly(c, wire.Refuse{Code: wire.RefuseRedundant, Text: "there is no link that the data connection belongs to"})
		return
	}
	pair := p.lanes[theirs.Data-firstLane]
	mine := wire.Welcome{
		Cluster: n.cluster, Now: n.stamp(), Addr: n.opts.Advertise, Data: pair.number, Count: uint8(n.opts.DataLanes),
		Lanes: []wire.LanePosition{pair.position(c.who.Incarnation)},
	}
	if err := n.installData(p, c, pair, theirs, mine); err != nil {
		n.log.Error("lanes do not fit together, data connection refused", "peer", p.name, "lane", pair.number, "error", err)
	}
}

// installData makes a connection the carrier of a lane; first is sent before
// anything else.
func (n *Node) installData(p *peer, c *conn, pair *lanePair, theirs wire.Welcome, first wire.Frame) error {
	i := pair.number - firstLane
	if old := p.data[i]; old != nil {
		old.end()
	}
	l := newLink(p, c, n.opts.Saved.Incarnation)
	l.data = true
	l.hear(n.now())
	done, err := pair.begin(l, theirs.Lanes)
	if err != nil {
		p.data[i] = nil
		_ = c.tl.Close()
		return err
	}
	n.later = append(n.later, func() { finish(done) })
	p.data[i] = l
	p.redials[i].up(pair.progress())
	if first != nil {
		l.queue(first)
	}
	pair.in.ackDue.Store(true)
	l.wake()
	n.start(func() { n.write(l) })
	n.start(func() { n.readData(l) })
	return nil
}

// readData is the reader goroutine of a data connection.
func (n *Node) readData(l *link) {
	err := n.readAll(l)
	l.end()
	l.lanes.link.CompareAndSwap(l, nil)
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := l.lanes.number - firstLane; l.peer.data[i] == l {
		l.peer.data[i] = nil
		n.log.Debug("data connection lost", "peer", l.peer.name, "lane", l.lanes.number, "error", err)
		l.peer.redials[i].down(n.now().Sub(l.began), l.lanes.progress())
		n.wantData(l.peer)
	}
}

// endData ends the data connections of a link that is gone. The caller holds
// Node.mu.
func (p *peer) endData() {
	for i, l := range p.data {
		if l != nil {
			l.end()
			p.data[i] = nil
		}
	}
	for _, pair := range p.lanes {
		pair.link.Store(nil)
	}
}

// laneTold takes what the peer says of our end of a lane.
func (l *link) laneTold(f wire.Frame) error {
	var number uint8
	var inc core.Incarnation
	switch f := f.(type) {
	case wire.LaneAck:
		number, inc = f.Lane, f.Incarnation
	case wire.LaneNak:
		number, inc = f.Lane, f.Incarnation
	case wire.LaneGrant:
		number, inc = f.Lane, f.Incarnation
	}
	if l.lanes == nil || l.lanes.number != number {
		return errNoLane
	}
	out := l.lanes.out
	if inc != l.self || out == nil {
		return nil
	}
	switch f := f.(type) {
	case wire.LaneAck:
		return out.ack(f.Seq)
	case wire.LaneNak:
		return out.nak(f.From)
	case wire.LaneGrant:
		out.grant(f.Window)
	}
	return nil
}

// echoLane tells the lanes of a link of its probes and echoes, and answers the
// probes of a data connection.
func (n *Node) echoLane(l *link, f wire.Frame) {
	switch f.(type) {
	case wire.Probe:
		n.probedLane(l)
		l.wake()
	case wire.Echo:
		if l.lanes.out != nil {
			l.lanes.out.echoed()
		}
	}
}

// receiveData takes a control frame of a data connection.
func (n *Node) receiveData(l *link, f wire.Frame) error {
	n.echoLane(l, f)
	switch f := f.(type) {
	case wire.Probe:
		l.queue(wire.Echo{ID: f.ID})
	case wire.Echo, wire.Unknown:
	default:
		return fmt.Errorf("unexpected frame %T on a data connection", f)
	}
	return nil
}
