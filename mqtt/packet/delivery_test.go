package packet

import (
	"bytes"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// TestDelivery compares with the PUBLISH that says the same.
func TestDelivery(t *testing.T) {
	for _, size := range []int{0, 1, 120, 124, 125, 16_370, 16_380, 2_097_140, 2_097_150} {
		m := &core.Message{Topic: "a/b", Payload: make([]byte, size), QoS: 1, Retain: true}
		for _, d := range []Delivery{{Message: m}, {Message: m, QoS: 1, ID: 9}, {Message: m, QoS: 1, ID: 9, Dup: true}} {
			p := Publish{Topic: []byte(m.Topic), Payload: m.Payload, QoS: d.QoS, ID: d.ID, Dup: d.Dup}
			got := d.Append(nil)
			if !bytes.Equal(got, p.Append(nil)) {
				t.Errorf("%d bytes, QoS %d: differs", size, d.QoS)
			}
			if d.Size() != len(got) {
				t.Errorf("%d bytes, QoS %d: size %d, %d written", size, d.QoS, d.Size(), len(got))
			}
		}
	}
}

func TestFits(t *testing.T) {
	payload := make([]byte, maxRemaining)
	for _, c := range []struct {
		topic   int
		payload int
		want    bool
	}{
		{65535, 0, true}, {65536, 0, false},
		{1, maxRemaining - 5, true}, {1, maxRemaining - 4, false},
	} {
		m := &core.Message{Topic: core.Topic(strings.Repeat("a", c.topic)), Payload: payload[:c.payload]}
		if Fits(m) != c.want {
			t.Errorf("topic %d, payload %d: %v", c.topic, c.payload, !c.want)
		}
	}
}

// TestNoAllocation guards what the hot paths rest on.
func TestNoAllocation(t *testing.T) {
	p := Packet{Type: TypePublish, Body: []byte("\x00\x03a/bpayload")}
	d := Delivery{Message: &core.Message{Topic: "a/b", Payload: make([]byte, 64)}}
	buf := make([]byte, 0, 256)
	r := NewReader(&endless{wire: []byte{0x30, 3, 0, 1, 'a'}}, nil, 100)
	for name, f := range map[string]func(){
		"decode PUBLISH":  func() { _, _ = p.Publish() },
		"read a packet":   func() { _, _ = r.Next() },
		"append Delivery": func() { buf = d.Append(buf[:0]) },
		"append PUBACK":   func() { buf = Ack{Type: TypePuback, ID: 1}.Append(buf[:0]) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkDecodePublish: 0 allocations; topic and payload are parts of the
// body.
func BenchmarkDecodePublish(b *testing.B) {
	p := Packet{Type: TypePublish, Body: append([]byte("\x00\x0asensors/42"), make([]byte, 64)...)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Publish(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReader: 0 allocations; packets are handed out from the buffer.
func BenchmarkReader(b *testing.B) {
	wire := Publish{Topic: []byte("sensors/42"), Payload: make([]byte, 64)}.Append(nil)
	r := NewReader(&endless{wire: bytes.Repeat(wire, 100)}, make([]byte, 4096), 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendDelivery: 0 allocations; the buffer is the caller's.
func BenchmarkAppendDelivery(b *testing.B) {
	d := Delivery{Message: &core.Message{Topic: "sensors/42", Payload: make([]byte, 64)}, QoS: 1, ID: 7}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = d.Append(buf[:0])
	}
}

// endless repeats the same bytes.
type endless struct {
	wire []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.wire[e.at:])
	e.at = (e.at + n) % len(e.wire)
	return n, nil
}
