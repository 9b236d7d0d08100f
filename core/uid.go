package core

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// UID is a random (version 4) UUID: the identity of a node, kept in its data
// directory for ever, or of a cluster. The zero UID means "none".
type UID [16]byte

// NewUID reads a fresh UID from rand.
func NewUID(rand io.Reader) (UID, error) {
	var u UID
	if _, err := io.ReadFull(rand, u[:]); err != nil {
		return UID{}, fmt.Errorf("new uid: %w", err)
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u, nil
}

// ErrUID says that a text is not a UUID.
var ErrUID = errors.New("not a UUID")

// ParseUID reads the text form 8-4-4-4-12.
func ParseUID(s string) (UID, error) {
	var u UID
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != len(u) || len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UID{}, fmt.Errorf("%q: %w", s, ErrUID)
	}
	copy(u[:], raw)
	return u, nil
}

// String returns the text form 8-4-4-4-12.
func (u UID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalText implements encoding.TextMarshaler.
func (u UID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UID) UnmarshalText(text []byte) (err error) {
	*u, err = ParseUID(string(text))
	return err
}

// IsZero reports whether u is "none".
func (u UID) IsZero() bool { return u == UID{} }

// Compare orders UIDs bytewise: -1, 0 or 1.
func (u UID) Compare(v UID) int { return bytes.Compare(u[:], v[:]) }

// Incarnation counts the starts of one data directory and nothing else.
type Incarnation uint64
