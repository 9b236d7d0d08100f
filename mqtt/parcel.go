package mqtt

import (
	"sync"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

const (
	chunk       = 64 << 10 // bytes of one write that may wait, and the largest buffer kept
	firstBuffer = 2 << 10
	// longPayload is the length in bytes from which a payload is not copied:
	// everybody who gets the message has the same one.
	longPayload = 16 << 10
)

// outBuffers holds buffers of connections that have something to send; an
// idle connection has none.
var outBuffers = sync.Pool{New: func() any {
	buf := make([]byte, 0, firstBuffer)
	return &buf
}}

// parcel is bytes on their way to a connection: a buffer with long payloads in
// between.
type parcel struct {
	buf  *[]byte // nil: the parcel is empty
	long *longs  // nil: none
	sent int     // bytes of buf that have been taken out
}

// longs are the payloads of a parcel that are not copied.
type longs struct {
	list  []long
	bytes int // of list
	sent  int // bytes of the first of list that have been taken out
}

type long struct {
	at      int // its place in the buffer
	payload []byte
}

// size is the number of bytes that were added.
func (p *parcel) size() int {
	n := 0
	if p.buf != nil {
		n = len(*p.buf)
	}
	if p.long != nil {
		n += p.long.bytes
	}
	return n
}

// begin makes sure of a buffer.
func (p *parcel) begin() {
	if p.buf == nil {
		p.buf = outBuffers.Get().(*[]byte)
	}
}

// add appends a delivery; there is a buffer.
func (p *parcel) add(d *packet.Delivery) {
	payload := d.Message.Payload
	if len(payload) < longPayload {
		*p.buf = d.Append(*p.buf)
		return
	}
	head, fits := d.AppendHead(*p.buf)
	if !fits {
		return
	}
	*p.buf = head
	if p.long == nil {
		p.long = &longs{}
	}
	p.long.list = append(p.long.list, long{len(*p.buf), payload})
	p.long.bytes += len(payload)
}

// next returns the next bytes in one piece, none at the end.
func (p *parcel) next() []byte {
	if p.long == nil || len(p.long.list) == 0 {
		return (*p.buf)[p.sent:]
	}
	if first := p.long.list[0]; p.sent == first.at {
		return first.payload[p.long.sent:]
	}
	return (*p.buf)[p.sent:p.long.list[0].at]
}

// took says that n of the bytes that next returned are gone.
func (p *parcel) took(n int) {
	l := p.long
	if l == nil || len(l.list) == 0 || p.sent < l.list[0].at {
		p.sent += n
		return
	}
	if l.sent += n; l.sent == len(l.list[0].payload) {
		l.list[0] = long{}
		l.list, l.sent = l.list[1:], 0
	}
}

// release gives the buffer back.
func (p *parcel) release() {
	if p.buf != nil && cap(*p.buf) <= chunk {
		*p.buf = (*p.buf)[:0]
		outBuffers.Put(p.buf)
	}
	*p = parcel{}
}
