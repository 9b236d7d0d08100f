package packet

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// appender is every packet that can be written.
type appender interface{ Append([]byte) []byte }

// empty is a packet without a body, as the tests see it.
type empty Type

func (e empty) Append(dst []byte) []byte { return AppendEmpty(dst, Type(e)) }

// decode reads one packet of any type.
func decode(p Packet) (appender, error) {
	switch p.Type {
	case TypeConnect:
		return result(p.Connect())
	case TypeConnack:
		return result(p.Connack())
	case TypePublish:
		return result(p.Publish())
	case TypeSubscribe:
		return result(p.Subscribe())
	case TypeSuback:
		return result(p.Suback())
	case TypeUnsubscribe:
		return result(p.Unsubscribe())
	case TypeUnsuback:
		return result(p.Unsuback())
	case TypePingreq, TypePingresp:
		return result(empty(p.Type), p.Empty())
	case TypeDisconnect:
		return result(p.Disconnect())
	case TypeAuth:
		return result(p.Auth())
	}
	return result(p.Ack())
}

func result[A appender](a A, err error) (appender, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// bytesOf reads a table's notation: hex digits, with blanks, and 'text'.
func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		out = append(out, b...)
	}
	return out
}

// side says how a stream is read: by which version, and from whom.
type side struct {
	version Version
	server  bool
}

var (
	client311 = side{version: Version311}
	server311 = side{version: Version311, server: true}
	client5   = side{version: Version5}
	server5   = side{version: Version5, server: true}
)

// reader returns a Reader of a stream of that side.
func (s side) reader(stream, buf []byte) *Reader {
	r := NewReader(bytes.NewReader(stream), buf, 1024)
	r.SetVersion(s.version)
	if s.server {
		r.FromServer()
	}
	return r
}

// decode reads one packet of a stream.
func (s side) decode(stream []byte) (appender, error) {
	p, err := s.reader(stream, make([]byte, 64)).Next()
	if err != nil {
		return nil, err
	}
	return decode(p)
}

// goldens are the valid packets of all tables.
func goldens() []golden {
	return slices.Concat(goldenConnect, goldenWill, goldenConnack, goldenPublish, goldenAck,
		goldenSubscribe, goldenSuback, goldenUnsubscribe, goldenUnsuback, goldenEnd)
}

// golden is a packet in its shortest form, and what it says.
type golden struct {
	from side
	wire string
	want appender
}

func text(s string) *string { return &s }

// user is an encoded user property.
func user(name, value string) []byte {
	return Properties{User: []UserProperty{{name, value}}}.Append(nil)
}
