package mqtt

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// errRecord is wrapped by every error of a record that cannot be understood.
var errRecord = errors.New("not a record of the MQTT front")

// recovering is what has been read of the journal so far.
type recovering struct {
	now      time.Time
	messages map[uint64]*core.Message
	sessions map[uint64]*recovered
	// broken are the sessions that referred to a message which is not in the
	// log. A checkpoint that was being written may leave this for a while:
	// then the whole session follows. While it is broken it is as if it had
	// not been met.
	broken  map[uint64]error
	unknown uint64                  // message that a record referred to in vain; 0: none
	lanes   map[core.LaneSeq]uint64 // how far each got; Seq of the key is 0
}

type recovered struct {
	log     *sessionLog
	session *session.Session
}

func newRecovering() *recovering {
	return &recovering{
		now: time.Now(), messages: map[uint64]*core.Message{},
		sessions: map[uint64]*recovered{}, broken: map[uint64]error{}, lanes: map[core.LaneSeq]uint64{},
	}
}

// recover takes a record of the journal, in order.
func (d *durable) recover(kind byte, record []byte, l session.Limits) error {
	number, width := binary.Uvarint(record)
	if width <= 0 || number == 0 {
		return fmt.Errorf("record of kind %#02x without a number: %w", kind, errRecord)
	}
	d.last = max(d.last, number)
	body := record[width:]
	var err error
	switch kind {
	case recordMessage:
		err = d.recovering.message(number, body)
	case recordSession:
		err = d.recoverSession(number, body, l)
	case recordOp:
		err = d.recovering.op(number, body)
	default:
		err = errRecord
	}
	if err != nil {
		return fmt.Errorf("record %d of kind %#02x: %w", number, kind, err)
	}
	return nil
}

func (r *recovering) message(number uint64, body []byte) error {
	m, err := session.DecodeMessage(body, r.now)
	if err != nil {
		return err
	}
	r.messages[number] = m
	if m.Extra != nil && !m.Extra.From.Node.IsZero() {
		lane := m.Extra.From
		lane.Seq = 0
		r.lanes[lane] = max(r.lanes[lane], m.Extra.From.Seq)
	}
	return nil
}

func (r *recovering) eachLane(yield func(core.LaneSeq)) {
	byLane := func(a, b core.LaneSeq) int {
		return cmp.Or(a.Node.Compare(b.Node), cmp.Compare(a.Incarnation, b.Incarnation), cmp.Compare(a.Lane, b.Lane))
	}
	for _, lane := range slices.SortedFunc(maps.Keys(r.lanes), byLane) {
		seq := r.lanes[lane]
		lane.Seq = seq
		yield(lane)
	}
}

// find is what DecodeState and DecodeOp ask for a message.
func (r *recovering) find(number uint64) *core.Message {
	m := r.messages[number]
	if m == nil {
		r.unknown = number
	}
	return m
}

// lacks reports whether a message was missing, and notes it for the session.
func (r *recovering) lacks(number uint64) bool {
	if r.unknown == 0 {
		return false
	}
	r.broken[number] = fmt.Errorf("session %d refers to message %d, which is not in the log: %w", number, r.unknown, errRecord)
	delete(r.sessions, number)
	r.unknown = 0
	return true
}

// recoverSession puts a whole session in the place of what was known of it.
func (d *durable) recoverSession(number uint64, body []byte, limits session.Limits) error {
	r := d.recovering
	l, body, err := d.logOf(number, body)
	if err != nil {
		return err
	}
	st, err := session.DecodeState(body, r.find)
	if r.lacks(number) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := session.Restore(st, st.At, l.options(session.Options{Limits: limits}))
	if err != nil {
		return err
	}
	delete(r.broken, number)
	r.sessions[number] = &recovered{log: l, session: s}
	return nil
}

// logOf reads what stands before the state of a session.
func (d *durable) logOf(number uint64, b []byte) (*sessionLog, []byte, error) {
	if len(b) < 2 || b[0] <= byte(scopeNone) || b[0] > byte(scopeAll) {
		return nil, nil, fmt.Errorf("scope: %w", errRecord)
	}
	l := &sessionLog{durable: d, number: number, scope: scope(b[0])}
	n, width := binary.Uvarint(b[1:])
	if width <= 0 || n > uint64(len(b)-1-width) {
		return nil, nil, fmt.Errorf("client ID: cut short: %w", errRecord)
	}
	b = b[1+width:]
	l.client = string(b[:n])
	return l, b[n:], nil
}

// op applies a change. One of a session that was not met is contained in the
// whole session that follows.
func (r *recovering) op(number uint64, body []byte) error {
	s := r.sessions[number]
	if s == nil && r.broken[number] == nil {
		return nil
	}
	op, err := session.DecodeOp(body, r.find)
	if op.Kind == session.OpEnd && err == nil {
		delete(r.sessions, number)
		delete(r.broken, number)
		return nil
	}
	if s == nil || r.lacks(number) {
		r.unknown = 0
		return nil
	}
	if err != nil {
		return err
	}
	return s.session.Apply(op)
}

// finish ends the recovery and returns the sessions that were open, the oldest
// first. From here on they are recorded, as those of the clients that owner
// makes.
func (d *durable) finish(owner func(*recovered) *client) ([]*client, error) {
	r := d.recovering
	d.recovering = nil
	for _, number := range slices.Sorted(maps.Keys(r.broken)) {
		return nil, r.broken[number]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*client
	for _, number := range slices.Sorted(maps.Keys(r.sessions)) {
		s := r.sessions[number]
		s.log.owner = owner(s)
		d.sessions[number] = s.log
		all = append(all, s.log.owner)
	}
	close(d.resumed)
	return all, nil
}
