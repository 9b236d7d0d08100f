package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The errors of reading, which callers wrap with the name of the peer.
var (
	ErrTooLong   = errors.New("packet longer than the limit")
	ErrMalformed = errors.New("malformed packet")
)

// Packet is one packet as it came. Body is valid until the next call of Next.
type Packet struct {
	Type  byte
	Flags byte
	Body  []byte
}

// Reader cuts a stream into packets. A read that timed out may be repeated:
// what had come of a packet is kept.
type Reader struct {
	in   *bufio.Reader
	max  int
	last int // length of the packet handed out, still in the buffer
}

// NewReader returns a Reader that refuses packets of more than limit bytes.
func NewReader(in io.Reader, limit int) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, max(64<<10, limit)), max: limit}
}

// Ready reports whether Next returns at once, because a whole packet, or what
// cannot become one, has been read already.
func (r *Reader) Ready() bool {
	b, _ := r.in.Peek(r.in.Buffered())
	b = b[r.last:]
	length := 0
	for n := 2; n <= min(5, len(b)); n++ {
		length |= int(b[n-1]&0x7f) << (7 * (n - 2))
		if b[n-1] < 0x80 {
			return len(b) >= n+length || n+length > r.max
		}
	}
	return len(b) >= 5
}

// Next returns the next packet. Errors: those of the stream, ErrTooLong,
// ErrMalformed.
func (r *Reader) Next() (Packet, error) {
	if _, err := r.in.Discard(r.last); err != nil {
		return Packet{}, err
	}
	r.last = 0
	head, length, err := r.length()
	if err != nil {
		return Packet{}, err
	}
	if head+length > r.max {
		return Packet{}, fmt.Errorf("%w: %d bytes, allowed %d", ErrTooLong, head+length, r.max)
	}
	b, err := r.in.Peek(head + length)
	if err != nil {
		return Packet{}, partial(b, err)
	}
	r.last = len(b)
	return Packet{Type: b[0] >> 4, Flags: b[0] & 15, Body: b[head:]}, nil
}

// length peeks at the fixed header: how long it is, and what it announces.
func (r *Reader) length() (head, length int, err error) {
	for n := 2; n <= 5; n++ {
		b, err := r.in.Peek(n)
		if err != nil {
			return 0, 0, partial(b, err)
		}
		length |= int(b[n-1]&0x7f) << (7 * (n - 2))
		if b[n-1] < 0x80 {
			return n, length, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: the remaining length has more than four bytes", ErrMalformed)
}

// partial tells an end of the stream inside a packet from one between packets.
func partial(b []byte, err error) error {
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ParsePublish reads a PUBLISH. The slices are those of the packet.
func ParsePublish(p Packet) (Publish, error) {
	out := Publish{QoS: p.Flags >> 1 & 3, Dup: p.Flags&8 != 0}
	rest := p.Body
	if len(rest) < 2 || out.QoS > 2 {
		return Publish{}, fmt.Errorf("%w: PUBLISH of %d bytes at QoS %d", ErrMalformed, len(rest), out.QoS)
	}
	n := int(rest[0])<<8 | int(rest[1])
	rest = rest[2:]
	if len(rest) < n+2*int(min(out.QoS, 1)) {
		return Publish{}, fmt.Errorf("%w: PUBLISH ends inside its header", ErrMalformed)
	}
	out.Topic, rest = rest[:n], rest[n:]
	if out.QoS > 0 {
		out.ID, rest = uint16(rest[0])<<8|uint16(rest[1]), rest[2:]
	}
	out.Payload = rest
	return out, nil
}

// ParseAck reads the packet identifier that an acknowledgement begins with.
func ParseAck(p Packet) (uint16, error) {
	if len(p.Body) < 2 {
		return 0, fmt.Errorf("%w: acknowledgement of %d bytes", ErrMalformed, len(p.Body))
	}
	return uint16(p.Body[0])<<8 | uint16(p.Body[1]), nil
}
