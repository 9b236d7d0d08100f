package load

import (
	"testing"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// BenchmarkPublish is the most that one publisher can send, here to a broker
// that reads and forgets. A broker under test must be slower than that, or the
// generator is what is measured.
func BenchmarkPublish(b *testing.B) {
	for _, qos := range []byte{0, 1} {
		b.Run([]string{"QoS0", "QoS1"}[qos], func(b *testing.B) {
			o := Options{Addr: brokertest.Start(b, brokertest.Faults{}).Addr(), ID: "b", Topic: "b", Clients: 1, QoS: qos, Size: 64, Window: 1000}
			o.Messages = uint64(b.N)
			start := make(chan struct{})
			close(start)
			b.ReportAllocs()
			if _, err := runPublishers(b.Context(), o, signals{ready: b.ResetTimer, start: start}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTake is what a subscriber spends on a message once it is read.
func BenchmarkTake(b *testing.B) {
	const messages = 1 << 24
	payload := make([]byte, 64)
	c := &subscriber{ledger: newLedger(1, 1, messages)}
	var packet []byte
	b.ReportAllocs()
	for seq := uint64(1); b.Loop(); seq = seq%messages + 1 {
		mark{run: 1, sequence: seq, sent: 1}.put(payload)
		packet = wire.AppendPublish(packet[:0], wire.Publish{Topic: []byte("b/0"), Payload: payload})
		if err := c.take(wire.Packet{Type: wire.PublishType, Body: packet[2:]}, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
