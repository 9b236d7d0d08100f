package session

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/muster-mqtt/muster/core"
)

// stateVersion is the first byte of an encoded State.
const stateVersion = 1

// The flags of the parts of a State; the low two bits of some are a QoS.
const (
	flagOnline = 1
	flagWill   = 2

	flagQoS               = 3
	flagRetain            = 4
	flagReleased          = 8
	flagUnsure            = 16
	flagNoLocal           = 4
	flagRetainAsPublished = 8

	flagHasExpiry   = 1
	flagDiscardWill = 1
)

// AppendState appends the encoding of a state to dst. A message is encoded as
// the number that ref gives it: AppendMessage is the way to encode the message
// itself, once for all sessions.
func AppendState(dst []byte, st State, ref func(*core.Message) uint64) []byte {
	dst = append(dst, stateVersion, bit(st.Online, flagOnline)|bit(st.Will != nil, flagWill))
	dst = appendTime(dst, st.At)
	dst = binary.AppendUvarint(dst, uint64(st.Expiry))
	dst = binary.AppendUvarint(dst, uint64(max(st.Remaining, 0)))
	dst = binary.AppendUvarint(dst, uint64(len(st.Subscriptions)))
	for _, sub := range st.Subscriptions {
		dst = appendSubscription(dst, sub)
	}
	dst = binary.AppendUvarint(dst, uint64(st.NextID))
	dst = binary.AppendUvarint(dst, uint64(len(st.Inflight)))
	for _, m := range st.Inflight {
		dst = appendInflight(dst, m, ref)
	}
	dst = binary.AppendUvarint(dst, uint64(len(st.Queue)))
	for _, q := range st.Queue {
		dst = appendQueued(dst, q, ref)
	}
	dst = binary.AppendUvarint(dst, uint64(len(st.Received)))
	for _, id := range st.Received {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	if st.Will != nil {
		dst = appendWill(dst, st.Will, ref)
		dst = binary.AppendUvarint(dst, uint64(max(st.WillDue, 0)))
	}
	return dst
}

// DecodeState decodes what AppendState has encoded; message gives the message
// of a number, nil if there is none. The state shares no memory with data. The
// error wraps ErrEncoding and names the place; Restore checks the rest.
func DecodeState(data []byte, message func(uint64) *core.Message) (State, error) {
	d := &decoder{data: data, message: message}
	if v := d.byte("version"); v != stateVersion {
		d.fail(0, "version", fmt.Sprintf("is %d, not %d", v, stateVersion))
	}
	flags := d.flags(flagOnline|flagWill, "flags")
	st := State{Online: flags&flagOnline != 0, At: d.time("time"), Expiry: d.uint32("session expiry"), Remaining: d.duration("remaining time")}
	st.Subscriptions = decodeAll(d, 4, "subscriptions", (*decoder).subscription)
	st.NextID = d.id("next identifier")
	st.Inflight = decodeAll(d, 2, "messages inflight", (*decoder).inflight)
	st.Queue = decodeAll(d, 3, "messages that wait", (*decoder).queued)
	st.Received = decodeAll(d, 1, "received identifiers", func(d *decoder) uint16 { return d.id("received identifier") })
	if flags&flagWill != 0 {
		st.Will, st.WillDue = d.will(), d.duration("time until the will")
	}
	if err := d.done(); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	return st, nil
}

// decodeAll decodes a number of elements, of size bytes at least, nil for none.
func decodeAll[T any](d *decoder, size int, field string, one func(*decoder) T) []T {
	n := d.count(size, field)
	if n == 0 {
		return nil
	}
	all := make([]T, 0, min(n, 1024)) // they take more room than their encoding
	for i := 0; i < n && d.err == nil; i++ {
		all = append(all, one(d))
	}
	return all
}

func appendSubscription(dst []byte, sub core.Subscription) []byte {
	dst = appendText(appendText(dst, sub.Filter), sub.Group)
	dst = append(dst, byte(sub.QoS)|bit(sub.NoLocal, flagNoLocal)|bit(sub.RetainAsPublished, flagRetainAsPublished))
	return appendIDs(dst, sub.IDs)
}

func (d *decoder) subscription() core.Subscription {
	var sub core.Subscription
	sub.Filter = d.filter()
	sub.Group = string(d.text("group"))
	flags := d.flags(flagQoS|flagNoLocal|flagRetainAsPublished, "subscription options")
	sub.QoS = d.qos(flags)
	sub.NoLocal, sub.RetainAsPublished = flags&flagNoLocal != 0, flags&flagRetainAsPublished != 0
	sub.IDs = d.ids()
	return sub
}

func (d *decoder) filter() core.Filter {
	at := d.at
	f := core.Filter(d.text("filter"))
	if err := f.Check(); d.err == nil && err != nil {
		d.fail(at, "filter", err.Error())
	}
	return f
}

func appendInflight(dst []byte, m Inflight, ref func(*core.Message) uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.ID))
	dst = append(dst, m.Queued.flags()|bit(m.Released, flagReleased)|bit(m.Unsure, flagUnsure))
	if m.Released {
		return dst
	}
	return appendIDs(binary.AppendUvarint(dst, ref(m.Message)), m.IDs)
}

func (d *decoder) inflight() Inflight {
	m := Inflight{ID: d.id("identifier")}
	flags := d.flags(flagQoS|flagRetain|flagReleased|flagUnsure, "flags of a message")
	m.Released, m.Unsure = flags&flagReleased != 0, flags&flagUnsure != 0
	m.QoS, m.Retain = d.qos(flags), flags&flagRetain != 0
	if !m.Released {
		m.Message, m.IDs = d.ref(), d.ids()
	}
	return m
}

func (q Queued) flags() byte { return byte(q.QoS) | bit(q.Retain, flagRetain) }

func appendQueued(dst []byte, q Queued, ref func(*core.Message) uint64) []byte {
	return appendIDs(binary.AppendUvarint(append(dst, q.flags()), ref(q.Message)), q.IDs)
}

func (d *decoder) queued() Queued {
	flags := d.flags(flagQoS|flagRetain, "flags of a message")
	return Queued{QoS: d.qos(flags), Retain: flags&flagRetain != 0, Message: d.ref(), IDs: d.ids()}
}

func appendWill(dst []byte, w *Will, ref func(*core.Message) uint64) []byte {
	dst = append(dst, bit(w.HasExpiry, flagHasExpiry))
	dst = binary.AppendUvarint(dst, ref(w.Message))
	dst = binary.AppendUvarint(dst, uint64(w.Delay))
	return binary.AppendUvarint(dst, uint64(w.Expiry))
}

func (d *decoder) will() *Will {
	flags := d.flags(flagHasExpiry, "flags of the will")
	return &Will{
		HasExpiry: flags&flagHasExpiry != 0, Message: d.ref(),
		Delay: d.uint32("will delay"), Expiry: d.uint32("expiry of the will"),
	}
}

// AppendOp appends the encoding of an op to dst; for ref see AppendState.
func AppendOp(dst []byte, op Op, ref func(*core.Message) uint64) []byte {
	dst = append(dst, byte(op.Kind))
	switch op.Kind {
	case OpConnect:
		dst = binary.AppendUvarint(append(dst, bit(op.Will != nil, flagWill)), uint64(op.Expiry))
		if op.Will != nil {
			dst = appendWill(dst, op.Will, ref)
		}
	case OpDisconnect:
		dst = append(dst, bit(op.DiscardWill, flagDiscardWill))
		dst = binary.AppendUvarint(appendTime(dst, op.At), uint64(op.Expiry))
	case OpRecover:
		dst = appendTime(dst, op.At)
	case OpSubscribe:
		dst = appendSubscription(dst, op.Subscription)
	case OpUnsubscribe:
		dst = appendText(appendText(dst, op.Subscription.Filter), op.Subscription.Group)
	case OpDeliver:
		dst = appendQueued(dst, op.Queued, ref)
	case OpDrop:
		dst = binary.AppendUvarint(dst, uint64(max(op.Index, 0)))
	case OpSent, OpPubrec, OpEnded, OpReceive, OpRelease:
		dst = binary.AppendUvarint(dst, uint64(op.ID))
	}
	return dst
}

// DecodeOp decodes what AppendOp has encoded; see DecodeState.
func DecodeOp(data []byte, message func(uint64) *core.Message) (Op, error) {
	d := &decoder{data: data, message: message}
	op := Op{Kind: OpKind(d.byte("kind"))}
	d.op(&op)
	if err := d.done(); err != nil {
		return Op{}, fmt.Errorf("op %d: %w", op.Kind, err)
	}
	return op, nil
}

func (d *decoder) op(op *Op) {
	switch op.Kind {
	case OpConnect:
		flags := d.flags(flagWill, "flags")
		op.Expiry = d.uint32("session expiry")
		if flags&flagWill != 0 {
			op.Will = d.will()
		}
	case OpDisconnect:
		op.DiscardWill = d.flags(flagDiscardWill, "flags") != 0
		op.At, op.Expiry = d.time("time"), d.uint32("session expiry")
	case OpRecover:
		op.At = d.time("time")
	case OpSubscribe:
		op.Subscription = d.subscription()
	case OpUnsubscribe:
		op.Subscription.Filter, op.Subscription.Group = d.filter(), string(d.text("group"))
	case OpDeliver:
		op.Queued = d.queued()
	case OpDrop:
		op.Index = int(d.uint(math.MaxInt32, "index"))
	case OpSent, OpPubrec, OpEnded, OpReceive, OpRelease:
		op.ID = d.id("identifier")
	case OpWillTaken, OpEnd:
	default:
		d.fail(0, "kind", "is unknown")
	}
}
