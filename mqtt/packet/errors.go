package packet

import (
	"errors"
	"fmt"
)

// The kinds of error that callers tell apart; each *Error wraps one of them.
var (
	// ErrMalformed: the bytes do not form a packet.
	ErrMalformed = errors.New("malformed packet")
	// ErrProtocol: the packet is well formed but not allowed.
	ErrProtocol = errors.New("protocol violation")
	// ErrTooLarge: the packet is longer than the limit of the Reader.
	ErrTooLarge = errors.New("packet too large")
	// ErrVersion: a CONNECT of a protocol level that is not spoken here. The
	// answer is CONNACK 0x01 [MQTT-3.1.2-2].
	ErrVersion = errors.New("unsupported protocol level")
)

// Error says what is wrong with a packet, and where.
type Error struct {
	Kind   error  // ErrMalformed, ErrProtocol, ErrTooLarge or ErrVersion
	Type   Type   // of the packet; 0 when not even that could be read
	Field  string // the part of the packet
	Offset int    // of the field in the body, in bytes; -1 in the fixed header
	Reason string
	Clause string // of the standard, such as MQTT-2.3.1-1; may be empty
}

// Error names the packet, the place, the reason and the clause.
func (e *Error) Error() string {
	place := "fixed header"
	if e.Offset >= 0 {
		place = fmt.Sprintf("%s at byte %d", e.Field, e.Offset)
	}
	clause := ""
	if e.Clause != "" {
		clause = " [" + e.Clause + "]"
	}
	return fmt.Sprintf("%v: %v: %s: %s%s", e.Kind, e.Type, place, e.Reason, clause)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

var _ error = (*Error)(nil)
