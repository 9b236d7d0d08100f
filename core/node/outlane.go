package node

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/core/lane"
	"github.com/muster-mqtt/muster/core/wire"
)

// outLane is the sending end of a lane to one peer, with the publishers that
// wait for its acknowledgements.
type outLane struct {
	pair   *lanePair
	speaks uint16 // the protocol that the peer spoke when it was made

	mu     sync.Mutex
	sender *lane.Sender
	waits  waits                  // publishes that have a sequence
	late   map[*laneWait]struct{} // those that have none yet
	turns  turns                  // who waits for room
	gone   bool                   // the peer is no member any more
	failed bool                   // the peer is not live: nobody is to wait for it
	quiet  int                    // echoes in a row without an acknowledgement of what is under way
	first  uint64                 // the sequence that the lane began with
	longs  uint64                 // long messages so far
	// expiring is the last message that expires: a batch up to it shows our
	// clock.
	expiring uint64
	began    time.Time // when our clock was zero
	stuck    uint64    // the base at the last echo
	routed   routeMark

	forwarded, acked, lost uint64 // messages: taken in, acknowledged, dropped with the peer
}

// routeMark is the last message whose publisher had changed our routes, and
// the version with its latest change.
type routeMark struct{ seq, version uint64 }

// laneWait is one message and what follows from its sequence and its
// acknowledgement.
type laneWait struct {
	seq     uint64
	pub     *publication // nil: nobody waits
	expires bool
	version uint64 // of our routes, that the peer must have; 0: any
}

// publication is one publish of QoS 1 or 2 on its way: left counts the lanes
// that have not acknowledged it, and the admission itself.
type publication struct {
	left     atomic.Int32
	matched  bool // written before the admission is done
	accepted func(matched bool)
}

func (p *publication) done() {
	if p.left.Add(-1) == 0 && p.accepted != nil {
		p.accepted(p.matched)
	}
}

func newOutLane(o lane.Options, pair *lanePair) *outLane {
	return &outLane{sender: lane.NewSender(o), first: o.After + 1, pair: pair, late: map[*laneWait]struct{}{}}
}

func (l *outLane) wake() { l.pair.wake() }

// append takes in one message. The caller holds mu and has asked for room.
func (l *outLane) append(p *publishing, w laneWait) {
	l.forwarded++
	it := lane.Item{Body: p.encoded, QoS: p.m.QoS, From: p.publisher}
	if p.long && l.speaks >= dataProtocol {
		l.longs++
		it.Long, it.ID = p.encoded, l.longs
		it.Body = wire.AppendReference(nil, it.ID, p.m.QoS)
	}
	if it.Long == nil && !l.sender.Busy() {
		w.seq = l.sender.Append(it)
		l.numbered(w)
		return
	}
	waiting := &laneWait{pub: w.pub, expires: w.expires, version: w.version}
	it.Token = waiting
	if w.seq = l.sender.Append(it); w.seq != 0 {
		l.numbered(w)
		return
	}
	l.late[waiting] = struct{}{}
}

// numbered takes note of what follows from the sequence of a message.
func (l *outLane) numbered(w laneWait) {
	if w.pub != nil {
		l.waits.add(w.seq, w.pub)
	}
	if w.expires {
		l.expiring = w.seq
	}
	if w.version != 0 {
		l.routed = routeMark{seq: w.seq, version: max(w.version, l.routed.version)}
	}
}

// next appends the next frame of the lane to dst for the writer of a link, or
// returns it unchanged.
func (l *outLane) next(dst []byte, to *link) ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pair.link.Load() != to {
		return dst, false
	}
	b, ok := l.sender.Next()
	if !ok {
		return dst, false
	}
	for _, late := range b.Late {
		w := late.Token.(*laneWait)
		delete(l.late, w)
		w.seq = late.Seq
		l.numbered(*w)
	}
	if b.Part.Total > 0 {
		return wire.AppendPart(dst, wire.PartHeader{
			Lane: l.pair.number, Incarnation: to.self, PeerIncarnation: to.inc,
			ID: b.Part.ID, Offset: uint32(b.Part.Offset), Total: uint32(b.Part.Total),
		}, b.Body), true
	}
	h := wire.LaneHeader{
		Lane: l.pair.number, Incarnation: to.self, PeerIncarnation: to.inc, First: b.First, Count: uint32(b.Count),
	}
	if b.First <= l.expiring {
		h.Clock = wire.MessageOptions{Began: l.began}.Clock(time.Now())
	}
	if b.First <= l.routed.seq && to.speaks >= dataProtocol {
		h.RouteVersion = l.routed.version
	}
	return wire.AppendLane(dst, h, b.Body), true
}

// ack takes a cumulative acknowledgement; an error says that the peer
// acknowledges what it was never sent.
func (l *outLane) ack(seq uint64) error {
	l.mu.Lock()
	done, err := l.acknowledge(seq, l.sender.Ack)
	l.mu.Unlock()
	finish(done)
	return err
}

// acknowledge takes a position of the peer by Ack or Resume of the sender, and
// returns the publishes that this completes. The caller holds mu.
func (l *outLane) acknowledge(seq uint64, take func(uint64) error) ([]*publication, error) {
	before := l.sender.Base()
	if err := take(seq); err != nil {
		return nil, err
	}
	l.acked += l.sender.Base() - before
	l.call()
	return l.waits.take(seq), nil
}

// grant takes the peer's word on how much it takes in.
func (l *outLane) grant(window uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sender.Grant(int(min(window, 1<<40)))
	l.call()
	l.wake()
}

// nak sends again from a message that the peer misses.
func (l *outLane) nak(from uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.wake()
	return l.sender.Nak(from)
}

// stallEchoes is how many echoes without progress mean that a frame, or its
// acknowledgement, was lost on the way: a transport may lose either.
const stallEchoes = 4

// echoed is told of every echo of the peer; a lane that does not get on
// although the link echoes is sent again from the first unacknowledged message.
func (l *outLane) echoed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := l.sender.Base()
	if base > l.sender.Last() || base != l.stuck {
		l.stuck, l.quiet = base, 0
		return
	}
	if l.quiet++; l.quiet >= stallEchoes {
		l.quiet = 0
		_ = l.sender.Nak(base) // its own position cannot be wrong
		l.wake()
	}
}

// errDowngrade refuses a link with a node that has been started again with an
// older build, while messages in parts are under way to it.
var errDowngrade = errors.New("messages in parts wait for the node, which speaks protocol 1 now: upgrade it again, or remove it from the cluster")

// resume starts the lane over on a new link, after what the peer has; it
// returns the publishes that this completes.
func (l *outLane) resume(have uint64, on *link) ([]*publication, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on.speaks < dataProtocol && l.sender.Long() {
		return nil, errDowngrade
	}
	done, err := l.acknowledge(have, l.sender.Resume)
	if err == nil {
		l.speaks = on.speaks
		l.pair.link.Store(on)
	}
	return done, err
}

// giveUp takes every publish that waits for this lane, to be finished by the
// caller: its peer has failed. The messages stay, for when it returns.
func (l *outLane) giveUp() []*publication {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = true
	l.callAll()
	out := l.waits.take(math.MaxUint64)
	for w := range l.late {
		if w.pub != nil {
			out = append(out, w.pub)
			w.pub = nil
		}
	}
	return out
}

// revive lets publishers wait for the peer again.
func (l *outLane) revive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = false
}

// drop forgets everything for good; it returns the publishes that wait and
// how many messages are dropped.
func (l *outLane) drop() (waiting []*publication, lost uint64) {
	l.mu.Lock()
	kept, loose := l.sender.Drop()
	lost = uint64(kept + loose)
	l.lost += lost
	l.gone = true
	l.mu.Unlock()
	waiting = l.giveUp()
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.late)
	return waiting, lost
}

func finish(pubs []*publication) {
	for _, p := range pubs {
		p.done()
	}
}

// base returns the first unacknowledged sequence.
func (l *outLane) base() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sender.Base()
}

// held returns how many bytes are unacknowledged.
func (l *outLane) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sender.Bytes()
}

// size is what a message takes of the lane's room.
func (l *outLane) size(p *publishing) int {
	if p.long && l.speaks >= dataProtocol {
		return len(p.encoded) + referenceRoom
	}
	return len(p.encoded)
}

// referenceRoom is what a reference to a long message takes, in bytes.
const referenceRoom = 10

// fits reports whether the peer can take a message of that length at all.
func (l *outLane) fits(p *publishing) bool {
	return len(p.encoded) <= wire.MaxBody || l.speaks >= dataProtocol
}

// verdict is what becomes of a message at one lane.
type verdict uint8

const (
	fits verdict = iota
	laneFull
	noCredit
	peerFailed
	tooLong
)

// judge says what becomes of a message. The caller holds mu.
func (l *outLane) judge(p *publishing) verdict {
	size := l.size(p)
	room := p.m.QoS == 0 && l.spare(size) || p.m.QoS > 0 && l.sender.Room(size, p.m.QoS)
	switch {
	case l.gone, l.failed && !room:
		return peerFailed
	case !l.fits(p):
		return tooLong
	case room:
		return fits
	case l.sender.Short():
		return noCredit
	}
	return laneFull
}
