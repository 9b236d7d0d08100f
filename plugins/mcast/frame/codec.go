package frame

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// The layout; all numbers are big-endian.
const (
	magic   = "MSTC"
	version = 1

	atVersion     = 4
	atKind        = 5
	atFlags       = 6
	atReserved    = 7
	atCluster     = 8
	atUID         = 16
	atIncarnation = 32
	atTime        = 40
	atNonce       = 48
	headSize      = 64 // of every kind; the body of an Announcement follows
	macSize       = sha256.Size

	flagAsks    = 1
	clusterSize = 8
)

// Codec makes frames of one cluster and reads them. Its methods may be called
// concurrently.
type Codec struct {
	cluster [clusterSize]byte

	mu  sync.Mutex // guards mac and sum
	mac hash.Hash
	sum [macSize]byte
}

// New returns the Codec of a cluster, by its name and the key that only its
// nodes have. The key should have 32 bytes.
func New(cluster string, key []byte) *Codec {
	c := &Codec{mac: hmac.New(sha256.New, key)}
	name := sha256.Sum256([]byte(cluster))
	copy(c.cluster[:], name[:])
	return c
}

// Seal returns the bytes of a frame. It fails for what Open would not take.
// Endpoints that do not fit any more are left out, but never the first.
func (c *Codec) Seal(f Frame) ([]byte, error) {
	out := make([]byte, headSize, 256)
	copy(out, magic)
	out[atVersion], out[atKind] = version, byte(f.Kind)
	if f.Asks {
		out[atFlags] = flagAsks
	}
	copy(out[atCluster:], c.cluster[:])
	copy(out[atUID:], f.UID[:])
	binary.BigEndian.PutUint64(out[atIncarnation:], f.Incarnation)
	binary.BigEndian.PutUint64(out[atTime:], uint64(f.Time.UnixNano()))
	copy(out[atNonce:], f.Nonce[:])
	if f.Kind == Announcement {
		out = appendBody(out, f)
	}
	if _, err := parse(out); err != nil {
		return nil, err
	}
	return c.sign(out, out), nil
}

// appendBody adds what only an Announcement has.
func appendBody(out []byte, f Frame) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(min(max(f.Lifetime, 0)/time.Millisecond, 1<<31)))
	out = appendText(out, f.Name)
	count := len(out)
	out = append(out, 0)
	for i, e := range f.Endpoints {
		if i == maxEndpoints || i > 0 && len(out)+3+len(e.Host)+macSize > MaxSize {
			break
		}
		out = binary.BigEndian.AppendUint16(out, e.Port)
		out = appendText(out, e.Host)
		out[count]++
	}
	return out
}

// appendText adds a length and the text; one that is too long loses its
// meaning here, and parse finds that.
func appendText(out []byte, s string) []byte {
	if len(s) > 255 {
		s = ""
	}
	return append(append(out, byte(len(s))), s...)
}

// sign appends the code of said to out.
func (c *Codec) sign(out, said []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mac.Reset()
	_, _ = c.mac.Write(said) // never fails, see package hash
	return c.mac.Sum(out)
}

// authentic tells whether the last bytes of a frame are the code of the rest.
func (c *Codec) authentic(data []byte) bool {
	said, code := data[:len(data)-macSize], data[len(data)-macSize:]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mac.Reset()
	_, _ = c.mac.Write(said)
	return hmac.Equal(c.mac.Sum(c.sum[:0]), code)
}

// Open reads a frame. Nothing in it is looked at closely before its code has
// been found right; the errors are those of this package.
func (c *Codec) Open(data []byte) (Frame, error) {
	switch {
	case len(data) < headSize+macSize || len(data) > MaxSize || string(data[:len(magic)]) != magic:
		return Frame{}, ErrStrange
	case data[atVersion] != version:
		return Frame{}, ErrVersion
	case string(data[atCluster:atUID]) != string(c.cluster[:]):
		return Frame{}, ErrCluster
	case !c.authentic(data):
		return Frame{}, ErrForged
	}
	return parse(data[:len(data)-macSize])
}

// parse reads what comes before the code. Bytes that say the same in another
// way do not exist: what it takes, Seal writes.
func parse(said []byte) (Frame, error) {
	f := Frame{
		Kind: Kind(said[atKind]), Asks: said[atFlags]&flagAsks != 0,
		Incarnation: binary.BigEndian.Uint64(said[atIncarnation:]),
	}
	copy(f.UID[:], said[atUID:])
	copy(f.Nonce[:], said[atNonce:])
	nanos := int64(binary.BigEndian.Uint64(said[atTime:]))
	f.Time = time.Unix(0, nanos)
	switch {
	case f.Kind < Announcement || f.Kind > Question:
		return Frame{}, malformed("kind %d", f.Kind)
	case said[atFlags]&^flagAsks != 0 || said[atReserved] != 0:
		return Frame{}, malformed("flags that are none")
	case f.Asks && f.Kind == Farewell || !f.Asks && f.Kind == Question:
		return Frame{}, malformed("kind %d with asks = %v", f.Kind, f.Asks)
	case nanos <= 0:
		return Frame{}, malformed("a time before 1970")
	}
	if f.Kind != Announcement {
		if len(said) > headSize {
			return Frame{}, malformed("%d bytes too many", len(said)-headSize)
		}
		return f, nil
	}
	if err := parseBody(&f, said[headSize:]); err != nil {
		return Frame{}, err
	}
	return f, nil
}

var errShort = errors.New("it ends too early")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

func parseBody(f *Frame, body []byte) error {
	r := reader{rest: body}
	f.Lifetime = time.Duration(binary.BigEndian.Uint32(r.take(4))) * time.Millisecond
	f.Name = r.text()
	count := int(r.take(1)[0])
	for range min(count, maxEndpoints) {
		e := discovery.Endpoint{Port: binary.BigEndian.Uint16(r.take(2))}
		e.Host = r.text()
		f.Endpoints = append(f.Endpoints, e)
	}
	switch {
	case r.short:
		return malformed("%w", errShort)
	case len(r.rest) > 0:
		return malformed("%d bytes too many", len(r.rest))
	case f.Lifetime <= 0 || f.Lifetime > MaxLifetime:
		return malformed("a lifetime of %v", f.Lifetime)
	case count == 0 || count > maxEndpoints:
		return malformed("%d endpoints", count)
	case !validName(f.Name):
		return malformed("the name %q", f.Name)
	}
	for _, e := range f.Endpoints {
		if !validHost(e.Host) {
			return malformed("the host %q", e.Host)
		}
	}
	return nil
}
