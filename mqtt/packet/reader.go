package packet

import (
	"errors"
	"io"
)

const (
	minBuffer = 16      // holds every fixed header
	firstPart = 1 << 16 // bytes allocated on the word of a fixed header alone
	maxEmpty  = 100     // reads in a row that may bring neither bytes nor error
)

// Reader cuts a byte stream into packets. It is used by one goroutine.
type Reader struct {
	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] has been read and not yet handed out
	max  int
}

// NewReader returns a Reader of src. Packets that fit in buf are handed out
// from there, so that buf belongs to the Reader from now on; less than 16
// bytes are replaced. A packet longer than max bytes, fixed header included,
// is ErrTooLarge, found before its body is read.
func NewReader(src io.Reader, buf []byte, max int) *Reader {
	if len(buf) < minBuffer {
		buf = make([]byte, minBuffer)
	}
	return &Reader{src: src, buf: buf, max: max}
}

// Next returns the next packet, with type, flags and length checked. It
// overwrites the body of the one before unless that is Kept. It returns io.EOF
// where the stream ends between packets, io.ErrUnexpectedEOF where it ends
// inside one, an *Error, or the error of the source.
func (r *Reader) Next() (Packet, error) {
	head, length, err := r.header()
	if err != nil {
		return Packet{}, err
	}
	first := r.buf[r.r]
	p := Packet{Type: Type(first >> 4), Flags: first & 0x0f}
	if head+length > r.max {
		return Packet{}, &Error{Kind: ErrTooLarge, Type: p.Type, Offset: -1, Reason: "longer than the limit"}
	}
	if head+length > len(r.buf) {
		p.Kept = true
		p.Body, err = r.long(head, length)
		return p, err
	}
	if err := r.fill(head + length); err != nil {
		return Packet{}, inside(err)
	}
	p.Body = r.buf[r.r+head : r.r+head+length : r.r+head+length]
	r.r += head + length
	return p, nil
}

// header returns the length of the next fixed header and of its body. The
// bytes stay in the buffer.
func (r *Reader) header() (head, length int, err error) {
	if err := r.fill(1); err != nil {
		return 0, 0, err
	}
	if err := checkFirst(r.buf[r.r]); err != nil {
		return 0, 0, err
	}
	for head = 1; head <= 4; head++ {
		if err := r.fill(head + 1); err != nil {
			return 0, 0, inside(err)
		}
		b := r.buf[r.r+head]
		length |= int(b&0x7f) << (7 * (head - 1))
		if b < 0x80 {
			return head + 1, length, nil
		}
	}
	return 0, 0, &Error{Kind: ErrMalformed, Type: Type(r.buf[r.r] >> 4), Offset: -1,
		Reason: "remaining length of more than four bytes", Clause: "MQTT-2.2.3"}
}

// fill makes sure that n bytes, at most len(buf), are in the buffer.
func (r *Reader) fill(n int) error {
	if r.w-r.r >= n {
		return nil
	}
	if len(r.buf)-r.r < n || r.r == r.w {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	got, err := readAtLeast(r.src, r.buf[r.w:], n-(r.w-r.r))
	r.w += got
	return err
}

// long reads a body that is longer than the buffer into memory of its own,
// which grows with what has arrived: an announced length costs nothing.
func (r *Reader) long(head, length int) ([]byte, error) {
	body := make([]byte, min(length, max(firstPart, r.w-r.r-head)))
	got := copy(body, r.buf[r.r+head:r.w])
	r.r, r.w = 0, 0
	for {
		n, err := readAtLeast(r.src, body[got:], len(body)-got)
		if err != nil {
			return nil, inside(err)
		}
		got += n
		if got == length {
			return body, nil
		}
		body = append(make([]byte, 0, min(length, 2*got)), body...)
		body = body[:cap(body)]
	}
}

// readAtLeast reads until need bytes have come. An error that comes with the
// last of them is left for the next read.
func readAtLeast(src io.Reader, buf []byte, need int) (got int, err error) {
	for empty := 0; got < need; {
		n, err := src.Read(buf[got:])
		got += n
		switch {
		case got >= need:
			return got, nil
		case err != nil:
			return got, err
		case n > 0:
			empty = 0
		default:
			if empty++; empty >= maxEmpty {
				return got, io.ErrNoProgress
			}
		}
	}
	return got, nil
}

// inside turns the end of the stream into an unexpected one.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
