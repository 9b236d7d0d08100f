package packet

import (
	"errors"
	"io"
)

const (
	maxEmpty = 100 // reads in a row that may bring neither bytes nor error
	growth   = 4   // how much more than what has arrived a long packet may hold
)

// Reader cuts a byte stream into packets. It is used by one goroutine. Its
// buffer can be taken away while nothing is in it, see Release.
type Reader struct {
	src        io.Reader
	buf        []byte
	r, w       int // buf[r:w] has been read and not yet handed out
	max        int
	version    Version
	fromServer bool
	small      [16]byte // the buffer when there is no other; holds every fixed header
}

// NewReader returns a Reader of src. Packets that fit in buf are handed out
// from there, so that buf belongs to the Reader from now on; it may be nil, see
// Attach. A packet longer than max bytes, fixed header included, is
// ErrTooLarge, found before its body is read.
func NewReader(src io.Reader, buf []byte, max int) *Reader {
	r := &Reader{src: src, max: max}
	r.buf = r.small[:]
	r.Attach(buf)
	return r
}

// SetVersion says by which version the packets that follow are read: that of
// the CONNECT. Before that it is as in 3.1.1, but a CONNECT brings its own.
func (r *Reader) SetVersion(v Version) { r.version = v }

// SetMax replaces the limit on the length of a packet, in bytes.
func (r *Reader) SetMax(max int) { r.max = max }

// FromServer says that the stream is what a server sends: some properties and
// reason codes may go one way only. Without it the sender is a client.
func (r *Reader) FromServer() { r.fromServer = true }

// Next returns the next packet, with type, flags and length checked. It
// overwrites the body of the one before unless that is Kept. It returns io.EOF
// where the stream ends between packets, io.ErrUnexpectedEOF where it ends
// inside one, an *Error, or the error of the source.
func (r *Reader) Next() (Packet, error) {
	h, err := r.header()
	if err != nil {
		return Packet{}, err
	}
	first := r.buf[r.r]
	p := Packet{Type: Type(first >> 4), Flags: first & 0x0f, Version: r.version, FromServer: r.fromServer, padded: h.padded}
	if h.size+h.body > r.max {
		return Packet{}, &Error{Kind: ErrTooLarge, Version: r.version, Type: p.Type, Offset: -1,
			Reason: "longer than the limit", Clause: r.version.either("", "MQTT-3.2.2-15")}
	}
	if h.size+h.body > len(r.buf) {
		p.Kept = true
		p.Body, err = r.long(h)
		return p, err
	}
	if err := r.fill(h.size + h.body); err != nil {
		return Packet{}, inside(err)
	}
	p.Body = r.buf[r.r+h.size : r.r+h.size+h.body : r.r+h.size+h.body]
	r.r += h.size + h.body
	return p, nil
}

// header is a fixed header: its own length and that of the body, in bytes.
type header struct {
	size, body int
	padded     bool // the length takes more bytes than it needs
}

// header returns the next fixed header. The bytes stay in the buffer.
func (r *Reader) header() (header, error) {
	if err := r.fill(1); err != nil {
		return header{}, err
	}
	if err := checkFirst(r.buf[r.r], r.version); err != nil {
		return header{}, err
	}
	var h header
	for h.size = 1; h.size <= 4; h.size++ {
		if err := r.fill(h.size + 1); err != nil {
			return header{}, inside(err)
		}
		b := r.buf[r.r+h.size]
		h.body |= int(b&0x7f) << (7 * (h.size - 1))
		if b < 0x80 {
			h.padded = b == 0 && h.size > 1
			h.size++
			return h, r.checkPadding(h)
		}
	}
	return header{}, r.badLength("of more than four bytes", r.version.either("MQTT 2.2.3", "MQTT 1.5.5"))
}

// checkPadding: 5.0 wants lengths in as few bytes as they need. A CONNECT is
// judged when its version is known.
func (r *Reader) checkPadding(h header) error {
	if h.padded && r.version.five() {
		return r.badLength("with more bytes than it needs", "MQTT-1.5.5-1")
	}
	return nil
}

func (r *Reader) badLength(reason, clause string) error {
	return &Error{Kind: ErrMalformed, Version: r.version, Type: Type(r.buf[r.r] >> 4), Offset: -1,
		Reason: "remaining length " + reason, Clause: clause}
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
// which grows with what has arrived: an announced length costs nothing. The
// buffer is filled first, so that even then only bytes are paid for.
func (r *Reader) long(h header) ([]byte, error) {
	if err := r.fill(len(r.buf)); err != nil {
		return nil, inside(err)
	}
	body := make([]byte, min(h.body, growth*len(r.buf)))
	got := copy(body, r.buf[r.r+h.size:r.w])
	r.r, r.w = 0, 0
	for {
		n, err := readAtLeast(r.src, body[got:], len(body)-got)
		if err != nil {
			return nil, inside(err)
		}
		got += n
		if got == h.body {
			return body, nil
		}
		body = append(make([]byte, 0, min(h.body, growth*got)), body...)
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
