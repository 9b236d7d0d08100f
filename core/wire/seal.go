package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// SealBytes is what a seal adds to a frame: its counter and its tag.
const SealBytes = counterLen + tagLen

const (
	counterLen = 8
	tagLen     = 16
	nonceBytes = 12
)

// ErrSeal refuses a frame whose seal is wrong or whose counter is not higher
// than the last one: changed, forged or replayed. The link must be closed.
var ErrSeal = errors.New("seal is wrong or used before")

// gmac authenticates frames under one key: AES-256-GCM without plaintext
// (NIST SP 800-38D). A nil gmac does nothing.
type gmac struct {
	aead    cipher.AEAD
	counter uint64
	nonce   [nonceBytes]byte
}

func newGMAC(k Key, encrypted bool) (*gmac, error) {
	if encrypted {
		return nil, nil
	}
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &gmac{aead: aead}, nil
}

func (g *gmac) use(counter uint64) {
	g.counter = counter
	binary.BigEndian.PutUint64(g.nonce[nonceBytes-counterLen:], counter)
}

// Sealer seals the frames of one direction of one link. One caller at a time.
type Sealer struct{ g *gmac }

// NewSealer returns a sealer under a key of a handshake, Peer.Send. On a link
// that is encrypted (transport.Info) frames stay as they are.
func NewSealer(k Key, encrypted bool) (*Sealer, error) {
	g, err := newGMAC(k, encrypted)
	return &Sealer{g: g}, err
}

// Seal appends the counter and the tag to a frame, in place when it has
// SealBytes of spare capacity. It fails only when every counter is used.
func (s *Sealer) Seal(frame []byte) ([]byte, error) {
	if s.g == nil {
		return frame, nil
	}
	if s.g.counter == math.MaxUint64 {
		return nil, fmt.Errorf("no counter left: %w", ErrSeal)
	}
	s.g.use(s.g.counter + 1)
	frame = binary.LittleEndian.AppendUint64(frame, s.g.counter)
	return s.g.aead.Seal(frame, s.g.nonce[:], nil, frame), nil
}

// Opener checks the seals of the other direction. One caller at a time.
type Opener struct {
	g    *gmac
	last uint64
}

// NewOpener returns an opener under the key Peer.Recv, for a link as NewSealer
// has it.
func NewOpener(k Key, encrypted bool) (*Opener, error) {
	g, err := newGMAC(k, encrypted)
	return &Opener{g: g}, err
}

// Open returns the frame without its seal, in place. An error wraps ErrSeal.
func (o *Opener) Open(sealed []byte) ([]byte, error) {
	if o.g == nil {
		return sealed, nil
	}
	n := len(sealed) - SealBytes
	if n < 0 {
		return nil, fmt.Errorf("frame of %d bytes: %w", len(sealed), ErrSeal)
	}
	counter := binary.LittleEndian.Uint64(sealed[n:])
	o.g.use(counter)
	if _, err := o.g.aead.Open(nil, o.g.nonce[:], sealed[n+counterLen:], sealed[:n+counterLen]); err != nil {
		return nil, fmt.Errorf("frame %d: %w", counter, ErrSeal)
	}
	if counter <= o.last {
		return nil, fmt.Errorf("frame %d after %d: %w", counter, o.last, ErrSeal)
	}
	o.last = counter
	return sealed[:n:n], nil
}
