package mqtt

import (
	"sync"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// replyLimit is how many bytes of replies may wait before reading pauses.
const replyLimit = 64 << 10

// outbox collects what goes to a connection. The writers write it: whatever
// gathers during one write leaves together with the next. A socket that takes
// no more gets a goroutine of its own until it has taken everything.
type outbox struct {
	c       *conn
	next    *outbox        // in the list of a writer
	flushes sync.WaitGroup // one while flushing

	mu      sync.Mutex
	parcel  parcel      // what has gathered
	aliases *outAliases // nil: none
	replies int         // bytes of parcel that are not deliveries
	version packet.Version
	// maxPacket is what the client takes, in bytes; 0: no limit.
	maxPacket int
	starved   bool // a delivery found no room
	flushing  bool
	closed    bool // nothing is taken any more
}

// backlog is where an outbox takes deliveries from: a session.
type backlog interface {
	Next(now time.Time) (session.Out, bool)
}

var _ backlog = (*session.Session)(nil)

// setClient sets what depends on the CONNECT, before anything is sent.
func (o *outbox) setClient(req packet.Connect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version, o.maxPacket = req.Version, int(req.MaximumPacketSize)
	if req.TopicAliasMaximum > 0 {
		o.aliases = &outAliases{limit: min(int(req.TopicAliasMaximum), maxOutAliases), maxPacket: int(req.MaximumPacketSize)}
	}
}

// pull appends deliveries while there are any and there is room; if that ends
// it, the connection is told when there is some. It reports whether there are no more.
func (o *outbox) pull(from backlog, now time.Time) (dry bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.ready() {
		out, ok := from.Next(now)
		if !ok {
			return true
		}
		o.begin()
		if out.Pubrel != 0 {
			*o.parcel.buf = packet.Ack{Version: o.version, Type: packet.TypePubrel, ID: out.Pubrel}.Append(*o.parcel.buf)
			continue
		}
		o.append(&out.Delivery)
	}
	return false
}

// deliver appends d and reports whether there was room; one packet may exceed
// the limit.
func (o *outbox) deliver(d *packet.Delivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ready() {
		return false
	}
	o.begin()
	o.append(d)
	return true
}

func (o *outbox) append(d *packet.Delivery) {
	if o.aliases != nil {
		o.aliases.apply(d)
	}
	o.parcel.add(d)
}

// full reports whether deliveries find no room.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.ready()
}

// ready reports whether a delivery finds room; if not, the connection is told when
// there is some. The lock is held.
func (o *outbox) ready() bool {
	if o.closed {
		return false
	}
	if o.parcel.size() >= o.c.broker.limits.OutBuffer {
		o.starved = true
		return false
	}
	return true
}

// reply appends a packet that answers the client; it always finds room,
// because the reader of the connection stops at crowded. One that is larger
// than the client takes ends the connection instead [MQTT-3.1.2-24].
func (o *outbox) reply(p encoder) {
	if !o.tryReply(p) {
		o.c.end(errReplyTooLarge, endTooLarge)
	}
}

// welcome takes in the CONNACK, which fits. By the time that it can leave, the
// connection is welcome: whoever closes it then says why.
func (o *outbox) welcome(p encoder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.replyLocked(p)
	o.c.welcome.Store(true)
}

func (o *outbox) tryReply(p encoder) (fits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.replyLocked(p)
}

// ack is reply without the memory for an interface. Its 5 bytes are no more
// than those of the CONNACK, which the client took.
func (o *outbox) ack(a packet.Ack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.begin()
		before := len(*o.parcel.buf)
		*o.parcel.buf = a.Append(*o.parcel.buf)
		o.replies += len(*o.parcel.buf) - before
	}
}

func (o *outbox) replyLocked(p encoder) (fits bool) {
	if o.closed {
		return true
	}
	o.begin()
	before := len(*o.parcel.buf)
	*o.parcel.buf = p.Append(*o.parcel.buf)
	size := len(*o.parcel.buf) - before
	if o.maxPacket > 0 && size > o.maxPacket {
		*o.parcel.buf = (*o.parcel.buf)[:before]
		return false
	}
	o.replies += size
	return true
}

// crowded reports whether so many replies wait that no more packets should be
// read; if so, the connection is told when they have left.
func (o *outbox) crowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starved = o.starved || o.replies >= replyLimit
	return o.replies >= replyLimit
}

// begin makes sure of a buffer and of a flush; the lock is held.
func (o *outbox) begin() {
	o.parcel.begin()
	if !o.flushing {
		o.flushing = true
		o.flushes.Add(1)
		if o.c.source.raw != nil {
			o.c.broker.writers.enqueue(o)
		} else {
			go o.drain(parcel{})
		}
	}
}

// finish takes in a last packet, nil for none, and nothing after it. The
// caller waits for flushes, and closes the connection if that takes too long.
func (o *outbox) finish(last encoder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last != nil {
		o.replyLocked(last)
	}
	o.closed = true
}

// close drops what waits. The caller closes the connection, which ends a
// blocked write, and may then wait for flushes.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.parcel.release()
}

// swap takes what has gathered away to be written; an empty parcel ends the
// flush.
func (o *outbox) swap() (p parcel, starved bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, starved = o.parcel, o.starved
	o.parcel, o.replies, o.starved = parcel{}, 0, false
	if p.buf == nil {
		o.flushing = false
		o.flushes.Done()
	}
	return p, starved
}

// more reports whether something has gathered, and ends the flush if not.
func (o *outbox) more() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.parcel.buf == nil {
		o.flushing = false
		o.flushes.Done()
	}
	return o.parcel.buf != nil
}
