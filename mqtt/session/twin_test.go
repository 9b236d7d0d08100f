package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// twin is a session written as plainly as possible: lists that are searched
// and counted anew each time.
type twin struct {
	limits   Limits
	online   bool
	peer     Peer
	expiry   uint32
	end      time.Time // of the session, while offline
	nextID   uint16
	out      []*twinOut // in the order of their identifiers, ended ones left out
	waiting  []twinMessage
	received []uint16
	subs     map[string]core.Subscription
	will     *Will
	due      time.Time
	drops    Drops
}

type twinMessage struct {
	m      *core.Message
	qos    core.QoS
	retain bool
	ids    []uint32
}

type twinOut struct {
	twinMessage
	id               uint16
	released, unsure bool
	told             bool // on this connection: its PUBLISH, or its PUBREL once released
	counts           bool // in the window of this connection
}

func (q twinMessage) bytes() int {
	return len(q.m.Topic) + len(q.m.Payload) + len(q.m.Properties())
}

func (w *twin) room(q twinMessage) bool {
	n := q.bytes()
	for _, other := range w.waiting {
		n += other.bytes()
	}
	return len(w.waiting) < w.limits.Queue && n <= w.limits.QueueBytes
}

func (w *twin) deliver(now time.Time, m *core.Message, g core.Grant, retained bool) {
	q := twinMessage{m: m, qos: min(m.QoS, g.QoS), retain: retained, ids: g.IDs}
	if m.Retain && g.RetainAsPublished {
		q.retain = true
	}
	switch {
	case q.qos == 0 && !w.online:
		w.drops[Offline]++
	case m.Expired(now):
		w.drops[Expired]++
	case q.bytes() > w.limits.QueueBytes:
		w.drops[TooLarge]++
	default:
		w.enqueue(now, q)
	}
}

func (w *twin) enqueue(now time.Time, q twinMessage) {
	if !w.room(q) {
		w.waiting = slices.DeleteFunc(w.waiting, func(old twinMessage) bool {
			if old.m.Expired(now) {
				w.drops[Expired]++
			}
			return old.m.Expired(now)
		})
	}
	for !w.room(q) {
		w.drops[QueueFull]++
		if q.qos == 0 {
			return
		}
		w.waiting = w.waiting[1:]
	}
	w.waiting = append(w.waiting, q)
}

func (w *twin) window() int {
	if w.peer.ReceiveMaximum == 0 {
		return w.limits.Inflight
	}
	return min(w.limits.Inflight, int(w.peer.ReceiveMaximum))
}

func (w *twin) full() bool {
	n := 0
	for _, o := range w.out {
		if o.counts {
			n++
		}
	}
	return n >= w.window()
}

// hasRoom reports whether a message could be sent at once.
func (w *twin) hasRoom(m *core.Message, qos core.QoS) bool {
	all := len(w.waiting)
	for _, o := range w.out {
		if !o.told && (qos == 0 || !o.released) {
			return false
		}
		if o.counts && qos > 0 {
			all++
		}
	}
	q := twinMessage{m: m, qos: qos}
	return w.online && w.room(q) && (qos == 0 && len(w.waiting) == 0 || qos > 0 && all < w.window())
}

func (w *twin) remove(o *twinOut) {
	w.out = slices.DeleteFunc(w.out, func(p *twinOut) bool { return p == o })
}

func (w *twin) release(o *twinOut) {
	*o = twinOut{id: o.id, twinMessage: twinMessage{qos: 2}, released: true, counts: true}
}

// next is what Next should give, in words; "" is nothing.
func (w *twin) next(now time.Time) string {
	if !w.online {
		return ""
	}
	for _, o := range slices.Clone(w.out) {
		if o.released || o.told || w.owed() != nil {
			continue
		}
		if w.full() {
			return ""
		}
		if d := w.packet(now, o.twinMessage, o.id, true); w.fit(now, d, o.unsure) {
			o.told, o.counts, o.unsure = true, true, false
			return words(Out{Delivery: d})
		}
		if o.qos == 1 {
			w.remove(o)
		} else {
			w.release(o)
		}
	}
	if o := w.owed(); o != nil {
		o.told = true
		return words(Out{Pubrel: o.id})
	}
	return w.fresh(now)
}

// owed is the oldest message whose PUBREL this connection has not had.
func (w *twin) owed() *twinOut {
	for _, o := range w.out {
		if o.released && !o.told {
			return o
		}
	}
	return nil
}

// fit reports whether the packet may be sent, and counts it if not.
func (w *twin) fit(now time.Time, d packet.Delivery, mayExpire bool) bool {
	switch {
	case mayExpire && d.Message.Expired(now):
		w.drops[Expired]++
	case w.peer.MaximumPacketSize > 0 && d.Size() > int(w.peer.MaximumPacketSize):
		w.drops[PacketTooLarge]++
	default:
		return true
	}
	return false
}

func (w *twin) fresh(now time.Time) string {
	for len(w.waiting) > 0 {
		q := w.waiting[0]
		if !q.m.Expired(now) && q.qos > 0 && w.full() {
			return ""
		}
		w.waiting = w.waiting[1:]
		id := w.nextID
		if q.qos == 0 {
			id = 0
		}
		d := w.packet(now, q, id, false)
		if !w.fit(now, d, true) {
			continue
		}
		if q.qos > 0 {
			w.out = append(w.out, &twinOut{twinMessage: q, id: id, told: true, counts: true})
			w.nextID = w.nextID%65535 + 1
		}
		return words(Out{Delivery: d})
	}
	return ""
}

func (w *twin) packet(now time.Time, q twinMessage, id uint16, dup bool) packet.Delivery {
	d := packet.Delivery{Message: q.m, ID: id, QoS: q.qos, Dup: dup, Retain: q.retain, IDs: q.ids, Version: w.peer.Version}
	if q.m.Extra != nil && !q.m.Extra.Expires.IsZero() {
		d.HasExpiry = true
		for left := q.m.Extra.Expires.Sub(now); left > 0; left -= time.Second {
			d.Expiry++
		}
	}
	return d
}

func words(o Out) string {
	if o.Pubrel > 0 {
		return fmt.Sprintf("PUBREL %d", o.Pubrel)
	}
	return fmt.Sprintf("%p %+v", o.Delivery.Message, o.Delivery)
}

func (w *twin) find(id uint16) *twinOut {
	for _, o := range w.out {
		if o.id == id {
			return o
		}
	}
	return nil
}

func (w *twin) puback(id uint16) bool {
	o := w.find(id)
	if o == nil || o.qos != 1 {
		return false
	}
	w.remove(o)
	return true
}

func (w *twin) pubrec(id uint16, reason packet.Reason) (known, pubrel bool) {
	o := w.find(id)
	switch {
	case o == nil || o.qos != 2:
		return false, false
	case reason >= 0x80:
		w.drops[Refused]++
		w.remove(o)
		return true, false
	case !o.released:
		w.release(o)
	}
	o.told = true
	return true, true
}

func (w *twin) pubcomp(id uint16) bool {
	o := w.find(id)
	if o == nil || !o.released {
		return false
	}
	w.remove(o)
	return true
}

func (w *twin) receive(id uint16) (duplicate, ok bool) {
	if slices.Contains(w.received, id) {
		return true, true
	}
	if id == 0 || len(w.received) == w.limits.Receive {
		return false, false
	}
	w.received = append(w.received, id)
	return false, true
}

func (w *twin) forget(id uint16) bool {
	before := len(w.received)
	w.received = slices.DeleteFunc(w.received, func(other uint16) bool { return other == id })
	return len(w.received) < before
}

// connect returns the will that must be published.
func (w *twin) connect(now time.Time, p Peer) *Will {
	if w.online {
		w.disconnect(now, Ending{})
	}
	will := w.takeWill(now)
	w.online, w.peer, w.expiry, w.will = true, p, p.Expiry, p.Will
	for _, o := range w.out {
		o.told, o.counts = false, o.released
	}
	return will
}

func (w *twin) disconnect(now time.Time, e Ending) {
	if !w.online {
		return
	}
	w.online = false
	if e.HasExpiry && w.expiry > 0 {
		w.expiry = e.Expiry
	}
	w.end = now.Add(time.Duration(w.expiry) * time.Second)
	if e.DiscardWill {
		w.will = nil
	}
	if w.will != nil {
		w.due = now.Add(time.Duration(min(w.will.Delay, w.expiry)) * time.Second)
	}
	w.waiting = slices.DeleteFunc(w.waiting, func(q twinMessage) bool {
		if q.qos == 0 {
			w.drops[Offline]++
		}
		return q.qos == 0
	})
}

func (w *twin) takeWill(now time.Time) *Will {
	if w.online || w.will == nil || w.due.After(now) {
		return nil
	}
	will := w.will
	w.will = nil
	return will
}

func (w *twin) over(now time.Time) bool {
	return !w.online && w.expiry != Never && !w.end.After(now)
}

// recover is what a kill does when the log has lost nothing.
func (w *twin) recover(now time.Time) {
	if !w.online {
		return
	}
	w.disconnect(now, Ending{})
	for _, q := range w.waiting {
		w.out = append(w.out, &twinOut{twinMessage: q, id: w.nextID, unsure: true})
		w.nextID = w.nextID%65535 + 1
	}
	w.waiting = nil
}
