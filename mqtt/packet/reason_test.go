package packet

import (
	"errors"
	"io"
	"testing"
)

// TestConnackCode holds the return codes of 3.1.1 [3.1.1 MQTT 3.2.2.3] against
// the codes of 5.0 that a CONNECT is refused by.
func TestConnackCode(t *testing.T) {
	const silent = 0xff // the connection is closed without a CONNACK
	for r, want := range map[Reason]byte{
		Success: Accepted, UnsupportedProtocolVersion: RefusedVersion, ClientIdentifierNotValid: RefusedClientID,
		ServerUnavailable: RefusedUnavailable, ServerBusy: RefusedUnavailable, QuotaExceeded: RefusedUnavailable,
		ConnectionRateExceeded: RefusedUnavailable, UseAnotherServer: RefusedUnavailable, ServerMoved: RefusedUnavailable,
		UnspecifiedError: RefusedUnavailable, ImplementationSpecificError: RefusedUnavailable, ServerShuttingDown: RefusedUnavailable,
		BadUserNameOrPassword: RefusedCredentials, NotAuthorized: RefusedUnauthorized, Banned: RefusedUnauthorized,
		BadAuthenticationMethod: RefusedUnauthorized,
		MalformedPacket:         silent, ProtocolError: silent, TopicNameInvalid: silent, PacketTooLarge: silent,
		RetainNotSupported: silent, QoSNotSupported: silent, PayloadFormatInvalid: silent, SessionTakenOver: silent,
	} {
		code, ok := r.ConnackCode(Version311)
		if !ok {
			code = silent
		}
		if code != want {
			t.Errorf("%v: 3.1.1 is told %#x, want %#x", r, code, want)
		}
	}
}

// TestConnackCode5: each code of a CONNACK is itself, any other unspecified.
func TestConnackCode5(t *testing.T) {
	for r := range 256 {
		want := byte(UnspecifiedError)
		if Reason(r).allowed(TypeConnack, true) {
			want = byte(r)
		}
		if got, ok := Reason(r).ConnackCode(Version5); got != want || !ok {
			t.Errorf("%v: %#x", Reason(r), got)
		}
	}
}

// TestReasonFor: what is said is always in the table of the packet.
func TestReasonFor(t *testing.T) {
	for _, typ := range []Type{TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect} {
		for r := range 256 {
			got := Reason(r).For(typ)
			if !got.allowed(typ, true) || Reason(r).allowed(typ, true) && got != Reason(r) {
				t.Errorf("%v in %v: %v", Reason(r), typ, got)
			}
		}
	}
	if got := Banned.For(TypeDisconnect); got != UnspecifiedError {
		t.Error(got)
	}
}

// TestRefusedVersion: who asks for a version that is not spoken here is
// answered in the form that it understands [MQTT-3.1.2-2].
func TestRefusedVersion(t *testing.T) {
	for level, want := range map[byte]string{3: "\x20\x02\x00\x01", 4 | 0x80: "\x20\x02\x00\x01", 0: "\x20\x02\x00\x01",
		6: "\x20\x03\x00\x84\x00", 5 | 0x80: "\x20\x03\x00\x84\x00", 0x7f: "\x20\x03\x00\x84\x00"} {
		req, err := Packet{Type: TypeConnect, Body: append([]byte("\x00\x04MQTT"), level)}.Connect()
		code, ok := ReasonOf(err).ConnackCode(req.Version)
		if got := (Connack{Version: req.Version, Code: code}).Append(nil); !ok || string(got) != want {
			t.Errorf("level %d: %v, answered by %x", level, err, got)
		}
	}
}

func TestReasonOf(t *testing.T) {
	for want, err := range map[Reason]error{
		Success: nil, UnspecifiedError: io.ErrUnexpectedEOF, MalformedPacket: &Error{Kind: ErrMalformed},
		PacketTooLarge: ErrTooLarge, ProtocolError: errors.Join(io.EOF, ErrProtocol), ClientIdentifierNotValid: ErrClientID,
		UnsupportedProtocolVersion: ErrVersion, TopicAliasInvalid: &Error{Kind: ErrProtocol, Code: TopicAliasInvalid},
	} {
		if got := ReasonOf(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}

// TestReasonNames: the table is in order, and every code has a name.
func TestReasonNames(t *testing.T) {
	for i, r := range reasons {
		if i > 0 && r.code <= reasons[i-1].code || r.code.String() != r.name || r.code.Failed() != (r.code >= 0x80) {
			t.Errorf("%d: %v", i, r)
		}
	}
	if len(reasons) != 43 || Reason(0x03).String() != "reason 0x03" {
		t.Errorf("%d codes, %v", len(reasons), Reason(3))
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		TypeSuback.String(): "SUBACK", Type(16).String(): "packet type 16", Type(0).String(): "packet type 0",
		Version311.String(): "3.1.1", Version5.String(): "5.0", Version(3).String(): "protocol level 3",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
