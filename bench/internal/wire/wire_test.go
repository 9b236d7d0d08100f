package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestBytes compares with packets written down by hand from the specification.
func TestBytes(t *testing.T) {
	table := []struct {
		name string
		got  []byte
		want string
	}{
		{"CONNECT", AppendConnect(nil, "ab"), "10 0e 0004 4d515454 04 02 0000 0002 6162"},
		{"SUBSCRIBE", AppendSubscribe(nil, 0x1234, "a/#", 1), "82 08 1234 0003 612f23 01"},
		{"PUBLISH 0", AppendPublish(nil, Publish{Topic: []byte("a"), Payload: []byte("xy")}), "30 05 0001 61 7879"},
		{"PUBLISH 1", AppendPublish(nil, Publish{Topic: []byte("a"), Payload: []byte("x"), QoS: 1, ID: 258}), "32 06 0001 61 0102 78"},
		{"PUBLISH again", AppendPublish(nil, Publish{Topic: []byte("a"), QoS: 1, ID: 1, Dup: true}), "3a 05 0001 61 0001"},
		{"PUBACK", AppendAck(nil, Puback, 0xfffe), "40 02 fffe"},
		{"PUBREC", AppendAck(nil, Pubrec, 1), "50 02 0001"},
		{"PUBREL", AppendAck(nil, Pubrel, 1), "62 02 0001"},
		{"PUBCOMP", AppendAck(nil, Pubcomp, 1), "70 02 0001"},
		{"PUBLISH 2", AppendPublish(nil, Publish{Topic: []byte("a"), QoS: 2, ID: 3}), "34 05 0001 61 0003"},
		{"PINGREQ", AppendEmpty(nil, Pingreq), "c0 00"},
		{"DISCONNECT", AppendEmpty(nil, Disconnect), "e0 00"},
		{"two bytes of length", AppendPublish(nil, Publish{Topic: []byte("a"), Payload: make([]byte, 125)})[:3], "30 80 01"},
	}
	for _, c := range table {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.got, want) {
			t.Errorf("%s: % x, want % x", c.name, c.got, want)
		}
	}
}

func TestReaderErrors(t *testing.T) {
	table := []struct {
		name  string
		input []byte
		want  error
	}{
		{"nothing", nil, io.EOF},
		{"half a header", []byte{0x30}, io.ErrUnexpectedEOF},
		{"half a body", []byte{0x30, 5, 0}, io.ErrUnexpectedEOF},
		{"endless length", []byte{0x30, 0x80, 0x80, 0x80, 0x80, 1}, ErrMalformed},
		{"too long", []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, ErrTooLong},
	}
	for _, c := range table {
		_, err := NewReader(bytes.NewReader(c.input), 100).Next()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, p := range []Packet{{}, {Body: []byte{0}}, {Body: []byte{0, 2, 'a'}}, {Flags: 2, Body: []byte{0, 1, 'a', 0}}, {Flags: 6, Body: make([]byte, 9)}, {Flags: 4, Body: []byte{0, 1, 'a', 0}}} {
		if _, err := ParsePublish(p); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: error %v", p, err)
		}
	}
	if _, err := ParseAck(Packet{Body: []byte{1}}); !errors.Is(err, ErrMalformed) {
		t.Errorf("short acknowledgement: %v", err)
	}
}

// stutter gives one byte a read, and a timeout after each.
type stutter struct {
	rest []byte
	late bool
}

func (s *stutter) Read(p []byte) (int, error) {
	if s.late = !s.late; s.late {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestReaderSurvivesTimeouts(t *testing.T) {
	stream := AppendPublish(nil, Publish{Topic: []byte("a/b"), Payload: []byte("one"), QoS: 1, ID: 7})
	stream = AppendAck(stream, Puback, 9)
	r := NewReader(&stutter{rest: stream}, 1000)
	var types []byte
	for range 10 * len(stream) {
		ready := r.Ready()
		p, err := r.Next()
		if ready && err != nil {
			t.Errorf("ready, and then %v", err)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, io.EOF):
			if want := []byte{PublishType, Puback}; !bytes.Equal(types, want) {
				t.Errorf("types %v, want %v", types, want)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		types = append(types, p.Type)
	}
	t.Error("the stream did not end")
}

// TestReady: in one piece, every packet but the first is ready before it is
// asked for, and so is what no packet can begin with.
func TestReady(t *testing.T) {
	table := []struct {
		name, rest string
		want       bool
	}{
		{"nothing", "", false},
		{"half a header", "30", false},
		{"a header", "30 05", false},
		{"half a body", "30 05 0001 61 78", false},
		{"a packet", "30 05 0001 61 7879", true},
		{"a packet without body", "d0 00", true},
		{"half a length", "30 80", false},
		{"an endless length", "30 80 80 80 80", true},
		{"too long", "30 ff 7f", true},
	}
	for _, c := range table {
		rest, err := hex.DecodeString(strings.ReplaceAll(c.rest, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(bytes.NewReader(append(AppendEmpty(nil, Pingresp), rest...)), 1000)
		if r.Ready() {
			t.Errorf("%s: ready before anything was read", c.name)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if r.Ready() != c.want {
			t.Errorf("%s: ready is %v", c.name, !c.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(AppendPublish(AppendConnect(nil, "x"), Publish{Topic: []byte("t"), QoS: 1, ID: 3}))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, input []byte) {
		r := NewReader(bytes.NewReader(input), 1<<10)
		for range len(input) + 1 {
			p, err := r.Next()
			if err != nil {
				return
			}
			pub, err := ParsePublish(p)
			if p.Type != PublishType || err != nil || p.Flags&1 != 0 {
				continue
			}
			again, err := NewReader(bytes.NewReader(AppendPublish(nil, pub)), 1<<10+8).Next()
			if err != nil || !bytes.Equal(again.Body, p.Body) {
				t.Fatalf("%v became %v (%v)", p, again, err)
			}
		}
		t.Fatal("more packets than bytes")
	})
}
