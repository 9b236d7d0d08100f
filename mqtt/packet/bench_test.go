package packet

import (
	"bytes"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// BenchmarkDecodePublish: 0 allocations; topic, payload and properties are
// parts of the body.
func BenchmarkDecodePublish(b *testing.B) {
	payload := make([]byte, 64)
	for name, m := range map[string]Publish{
		"3.1.1":            {Version: Version311, Topic: []byte("sensors/42"), Payload: payload},
		"5.0":              {Version: Version5, Topic: []byte("sensors/42"), Payload: payload},
		"5.0 and 40 bytes": {Version: Version5, Topic: []byte("sensors/42"), Payload: payload, HasExpiry: true, Properties: passed},
	} {
		b.Run(name, func(b *testing.B) {
			p, err := side{version: m.Version}.reader(m.Append(nil), nil).Next()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Publish(); err != nil {
					b.Fatal(err)
				}
			}
		})
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
	m := &core.Message{Topic: "sensors/42", Payload: make([]byte, 64), Extra: &core.Extra{Properties: passed}}
	for _, v := range []Version{Version311, Version5} {
		b.Run(v.String(), func(b *testing.B) {
			d := Delivery{Message: m, Version: v, QoS: 1, ID: 7, IDs: []uint32{1}}
			buf := make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				buf = d.Append(buf[:0])
			}
		})
	}
}
