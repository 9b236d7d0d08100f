package mqtt

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// The kinds of records that the front appends to the journal. The numbers are
// part of the format. Each record begins with the number of what it is about,
// as a uvarint.
const (
	recordMessage = 0x20 // a message, to which later records refer by its number
	recordSession = 0x21 // a session as a whole
	recordOp      = 0x22 // a change of a session
)

// durable writes the sessions that are to survive a kill into the journal.
// Locks: its own comes after client.mu. It is held while the journal is
// appended to, so that a message is in the log before who refers to it.
type durable struct {
	journal core.Journal
	pacer   pacer // nil: it never has to be waited for
	now     func() time.Time

	mu       sync.Mutex
	sessions map[uint64]*sessionLog
	last     uint64 // number of a session or message
	shared   shared
	buf      []byte // the record that is being made
	message  []byte // and that of a message to which it refers

	recovering *recovering // until resumed
	resumed    chan struct{}
}

func newDurable(j core.Journal) *durable {
	if j == nil {
		return nil
	}
	pace, _ := j.(pacer)
	return &durable{journal: j, pacer: pace, now: time.Now, sessions: map[uint64]*sessionLog{}, recovering: newRecovering(), resumed: make(chan struct{})}
}

// pacer is what a Journal may be besides: Ready waits while it takes nothing
// more in.
type pacer interface {
	Ready(ctx context.Context) error
}

// past is a context that has ended: who asks with it does not wait.
var past = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// readyWait is how long a publisher is paused for want of room in the journal
// before its message is refused.
const readyWait = 10 * time.Second

// ready waits until the journal takes in what a message brings; ctx is that of
// its publisher.
func (d *durable) ready(ctx context.Context) error {
	if d == nil || d.pacer == nil || d.pacer.Ready(past) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	return d.pacer.Ready(ctx)
}

// scope says what of a session is recorded.
type scope uint8

const (
	scopeNone scope = iota
	// scopeWill: the session ends with its connection; its will must not.
	scopeWill
	scopeAll
)

// scopeOf is the scope of a session that begins with such a CONNECT.
func scopeOf(expiry uint32, will bool) scope {
	switch {
	case expiry > 0:
		return scopeAll
	case will:
		return scopeWill
	}
	return scopeNone
}

// sessionLog records one session. Its methods are called with the lock of the
// session held; those of a nil one do nothing.
type sessionLog struct {
	durable *durable
	number  uint64
	client  string // client ID
	scope   scope
	owner   *client
}

// open makes the log of the new session of cl, nil when nothing of it is to
// be recorded. Nothing is written before opened.
func (d *durable) open(cl *client, s scope) *sessionLog {
	if d == nil || s == scopeNone {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	return &sessionLog{durable: d, number: d.last, client: cl.id, scope: s, owner: cl}
}

// options adds to those of a session what being recorded takes.
func (l *sessionLog) options(o session.Options) session.Options {
	if l == nil {
		return o
	}
	o.Record = l.record
	o.Gated = l.scope == scopeAll
	return o
}

// opened writes the session, which has just begun, and everything that is
// recorded of it from now on.
func (l *sessionLog) opened(s *session.Session, now time.Time) {
	if l == nil {
		return
	}
	d := l.durable
	d.mu.Lock()
	d.sessions[l.number] = l // before its first record: a checkpoint must not miss it
	d.mu.Unlock()
	l.whole(s, now)
}

// again writes the session once more, if it is not over.
func (l *sessionLog) again() {
	l.owner.mu.Lock()
	defer l.owner.mu.Unlock()
	if !l.owner.ended {
		l.whole(l.owner.session, l.durable.now())
	}
}

// whole writes the session as a whole.
func (l *sessionLog) whole(s *session.Session, now time.Time) {
	st := s.State(now)
	if l.scope == scopeWill {
		st = session.State{At: st.At, Online: st.Online, Expiry: st.Expiry, Remaining: st.Remaining, NextID: 1, Will: st.Will, WillDue: st.WillDue}
	}
	d := l.durable
	d.mu.Lock()
	defer d.mu.Unlock()
	b := binary.AppendUvarint(d.buf[:0], l.number)
	b = append(b, byte(l.scope))
	b = append(binary.AppendUvarint(b, uint64(len(l.client))), l.client...)
	d.append(recordSession, session.AppendState(b, st, d.ref))
}

// record is session.Options.Record.
func (l *sessionLog) record(op session.Op) {
	if l.scope == scopeWill && !ofWill(op.Kind) {
		return
	}
	d := l.durable
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions[l.number] == nil {
		return // not opened yet, or over
	}
	b := binary.AppendUvarint(d.buf[:0], l.number)
	d.append(recordOp, session.AppendOp(b, op, d.ref))
	if op.Kind == session.OpEnd {
		delete(d.sessions, l.number)
	}
}

// ofWill reports whether an op matters to the will of a session that ends with
// its connection.
func ofWill(k session.OpKind) bool {
	switch k {
	case session.OpConnect, session.OpDisconnect, session.OpWillTaken, session.OpEnd, session.OpRecover:
		return true
	}
	return false
}

// append adds a record, whose memory is used again unless it is very large.
// The lock is held.
func (d *durable) append(kind byte, record []byte) {
	d.journal.Append(kind, record)
	d.buf = record[:0]
	if cap(record) > keepRecord {
		d.buf = nil
	}
}

// keepRecord is the largest record whose memory is kept, in bytes.
const keepRecord = 64 << 10

// ref returns the number of a message, which it writes if need be. The lock is
// held.
func (d *durable) ref(m *core.Message) uint64 {
	if n := d.shared.find(m); n > 0 {
		return n
	}
	d.last++
	b := binary.AppendUvarint(d.message[:0], d.last)
	b = session.AppendMessage(b, m, d.now())
	d.journal.Append(recordMessage, b)
	d.message = b[:0]
	if cap(b) > keepRecord {
		d.message = nil
	}
	d.shared.add(m, d.last)
	return d.last
}

// checkpoint writes every session as a whole. Records of before are not
// referred to after it has begun; see the package journal. It waits until what
// there is has been recovered.
func (d *durable) checkpoint(ctx context.Context) error {
	select {
	case <-d.resumed:
	case <-ctx.Done():
		return ErrClosed
	}
	for _, l := range d.begin() {
		if d.pacer != nil && d.pacer.Ready(ctx) != nil { // without a lock
			return ErrClosed
		}
		l.again()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shared.all = nil
	return nil
}

// begin begins a checkpoint and returns what is to be written.
func (d *durable) begin() []*sessionLog {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shared = shared{all: map[*core.Message]uint64{}}
	return slices.SortedFunc(maps.Values(d.sessions), func(a, b *sessionLog) int {
		return cmp.Compare(a.number, b.number)
	})
}
