package node

import (
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/retained"
	"github.com/muster-mqtt/muster/core/wire"
)

// repair tells the writer that there may be something to say about retained
// messages.
func (l *link) repair() {
	l.repairs.Store(true)
	l.wake()
}

// syncOf returns the exchange about retained messages on a link, and begins it
// on the link that the peer has now; nil if this is not that one. The caller
// holds keeper.mu, and not mu: the journal may be slow.
func (n *Node) syncOf(l *link) *retained.Sync {
	if l.sync == nil && l.peer.current.Load() == l && !l.ended() {
		l.sync = n.keeper.store.Link(l.peer.uid, n.moment())
	}
	return l.sync
}

// unlinkRetained ends the exchange on a link that has ended.
func (n *Node) unlinkRetained(l *link) {
	n.keeper.mu.Lock()
	defer n.keeper.mu.Unlock()
	n.keeper.store.Unlink(l.sync)
}

// sendRetained writes the next frame about retained messages, if there is one.
func (n *Node) sendRetained(l *link, scratch []byte) (_ []byte, more bool, err error) {
	if !l.repairs.Swap(false) {
		return scratch, false, nil
	}
	m, ok := n.nextRetained(l)
	if !ok {
		return scratch, false, nil
	}
	l.repairs.Store(true)
	scratch, err = l.send(wire.Append(scratch[:0], n.retainedFrame(m)))
	return scratch, true, err
}

func (n *Node) nextRetained(l *link) (m retained.Numbered, ok bool) {
	n.keeper.mu.Lock()
	defer n.keeper.mu.Unlock()
	if x := n.syncOf(l); x != nil {
		return x.Next(n.moment())
	}
	return m, false
}

// retainedFrame is the frame of a message about retained messages.
func (n *Node) retainedFrame(m retained.Numbered) wire.Frame {
	items, ok := m.Message.(retained.Items)
	if !ok {
		return wire.Retained{Numbered: m}
	}
	o := wire.MessageOptions{Began: n.began, Publisher: true}
	f := wire.RetainedItems{Number: m.Number, Clock: o.Clock(n.now()), Count: len(items.Messages)}
	for _, item := range items.Messages {
		f.Body = wire.AppendMessage(f.Body, item, o)
	}
	return f
}

// receiveRetained takes in a frame about retained messages. An error closes
// the link.
func (n *Node) receiveRetained(l *link, f wire.Frame) error {
	switch f := f.(type) {
	case wire.RetainedItems:
		if n.crowded() {
			return nil // the number that is missing tells
		}
		items, err := n.itemsOf(f)
		if err != nil {
			return err
		}
		return n.tellSync(l, retained.Numbered{Number: f.Number, Message: items})
	case wire.Retained:
		t, ok := f.Message.(retained.Tombstones)
		if !ok {
			return n.tellSync(l, f.Numbered)
		}
		if n.crowded() {
			return nil
		}
		return n.receiveTombstones(l, f.Number, t)
	}
	return fmt.Errorf("unexpected frame %T", f)
}

func (n *Node) tellSync(l *link, m retained.Numbered) error {
	n.keeper.mu.Lock()
	defer n.keeper.mu.Unlock()
	x := n.syncOf(l)
	if x == nil {
		return nil // on its way out
	}
	if err := x.Receive(n.moment(), m); err != nil {
		return err
	}
	l.repair()
	return nil
}

// receiveTombstones takes in deletions, and acknowledges them when they are in
// the log. With one that is too far ahead nothing is acknowledged: they come
// again.
func (n *Node) receiveTombstones(l *link, number uint64, t retained.Tombstones) error {
	taken := t
	taken.Keys = nil
	for _, k := range t.Keys {
		if n.creditable(&core.Message{Topic: k.Topic, Extra: &core.Extra{Stamp: k.Token.Stamp}}) {
			taken.Keys = append(taken.Keys, k)
		}
	}
	err := n.tellSync(l, retained.Numbered{Number: number, Message: taken})
	if err != nil || len(taken.Keys) < len(t.Keys) {
		return err
	}
	n.written(func() {
		n.keeper.mu.Lock()
		defer n.keeper.mu.Unlock()
		if l.sync != nil {
			l.sync.Kept(t.To)
			l.repair()
		}
	})
	return nil
}

// errItem says that a repair brings something that is no retained message.
var errItem = errors.New("an item of a repair is no retained message")

// itemsOf reads the messages of a frame; those whose stamp is too far ahead are
// left out.
func (n *Node) itemsOf(f wire.RetainedItems) (items retained.Items, err error) {
	body, now := f.Body, n.now()
	for range f.Count {
		var v wire.MessageView
		if v, body, err = wire.NextMessage(body); err != nil {
			return items, err
		}
		m := messageOf(v, true)
		if !m.Retain || v.Stamp == 0 || m.Topic.Check() != nil {
			return items, fmt.Errorf("%.80q: %w", m.Topic, errItem)
		}
		if v.Expires != 0 {
			m.Extra.Expires = expiryOf(v.Expires, f.Clock, now)
		}
		if n.creditable(m) {
			items.Messages = append(items.Messages, m)
		}
	}
	if len(body) > 0 {
		return items, fmt.Errorf("%d bytes behind the last: %w", len(body), errItem)
	}
	return items, nil
}
