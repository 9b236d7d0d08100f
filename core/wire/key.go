package wire

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// stretchRounds is what one guess of the cookie costs.
const stretchRounds = 600_000

// Key is a secret of 32 bytes. It does not show itself in logs or formats.
type Key [32]byte

// StretchKey makes the key of a cluster from its cookie and name by
// PBKDF2-HMAC-SHA-256 (RFC 8018) with 600,000 rounds. It takes some 0.1 s, so
// it is called once, at start. An empty cookie is an error.
func StretchKey(cookie, cluster string) (Key, error) {
	if cookie == "" {
		return Key{}, errors.New("the cookie is empty")
	}
	raw, err := pbkdf2.Key(sha256.New, cookie, []byte("muster cluster "+cluster), stretchRounds, len(Key{}))
	if err != nil {
		return Key{}, fmt.Errorf("stretch the cookie: %w", err)
	}
	return Key(raw), nil
}

// Derive returns the key for one use, named by info: HKDF-SHA-256 without
// salt (RFC 5869), of one block.
func (k Key) Derive(info string) Key {
	extracted := mac(Key{}, k[:])
	return mac(extracted, []byte(info), []byte{1})
}

// mac returns HMAC-SHA-256 of the parts, one after the other.
func mac(k Key, parts ...[]byte) (sum Key) {
	h := hmac.New(sha256.New, k[:])
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// Format implements fmt.Formatter: no verb shows a key.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("key(hidden)")) }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue("key(hidden)") }

// MarshalText implements encoding.TextMarshaler.
func (Key) MarshalText() ([]byte, error) { return []byte("key(hidden)"), nil }

var (
	_ fmt.Formatter  = Key{}
	_ slog.LogValuer = Key{}
)
