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
	// ErrVersion: a CONNECT of a protocol level that is not spoken here
	// [MQTT-3.1.2-2].
	ErrVersion = errors.New("unsupported protocol level")
	// ErrClientID: a 3.1.1 CONNECT that has no client ID and wants a session
	// that outlives the connection [3.1.1 MQTT-3.1.3-8].
	ErrClientID = errors.New("client ID not allowed")
)

// Error says what is wrong with a packet, and where.
type Error struct {
	Kind    error   // one of the kinds above
	Code    Reason  // a code nearer to the matter than that of Kind; 0 is none
	Version Version // by which the packet was read; 0 when that was not known
	Type    Type    // of the packet; 0 when not even that could be read
	Field   string  // the part of the packet
	Offset  int     // of the field in the body, in bytes; -1 in the fixed header
	Reason  string
	Clause  string // of the standard, such as MQTT-2.3.1-1; may be empty
}

// Error names the packet, the place, the reason and the clause.
func (e *Error) Error() string {
	place := "fixed header"
	if e.Offset >= 0 {
		place = fmt.Sprintf("%s at byte %d", e.Field, e.Offset)
	}
	clause := ""
	if e.Clause != "" {
		clause = " [" + e.Version.either("", "5.0 ") + e.Clause + "]"
	}
	return fmt.Sprintf("%v: %v: %s: %s%s", e.Kind, e.Type, place, e.Reason, clause)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

var _ error = (*Error)(nil)

// ReasonOf returns the reason code that a decoding error is answered with: in
// a CONNACK when the CONNECT had it, else in a DISCONNECT [5.0 MQTT 4.13]. Of
// no error it is Success, of one that is not about packets UnspecifiedError.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code
	}
	switch {
	case err == nil:
		return Success
	case errors.Is(err, ErrMalformed):
		return MalformedPacket
	case errors.Is(err, ErrProtocol):
		return ProtocolError
	case errors.Is(err, ErrTooLarge):
		return PacketTooLarge
	case errors.Is(err, ErrVersion):
		return UnsupportedProtocolVersion
	case errors.Is(err, ErrClientID):
		return ClientIdentifierNotValid
	}
	return UnspecifiedError
}
