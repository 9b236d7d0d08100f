package mqtt

import (
	"io"
	"runtime"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// drained connects a client whose bytes are read and thrown away.
func drained(b *testing.B, f *fixture, filter core.Filter) {
	p := f.connect("", true, false)
	p.subscribe(filter, 1)
	go func() { _, _ = io.Copy(io.Discard, p.nc) }()
}

// BenchmarkDeliverQoS0 measures Deliver of 64 bytes to a draining connection.
// 0 allocations a delivery. The bytes are buffers that grow beyond 64 KiB
// while the connection is saturated, as here, and are not pooled; and one
// small object for each writer started, once a burst. What the connection
// cannot take is dropped, as it would be in production.
func BenchmarkDeliverQoS0(b *testing.B) {
	f := onTCP(b, Limits{})
	drained(b, f, "t")
	s, m := f.cluster.match(message("t", 0, ""))[0].s, message("t", 0, string(make([]byte, 64)))
	b.ReportAllocs()
	for b.Loop() {
		s.Deliver(m, core.Grant{})
	}
	b.ReportMetric(float64(f.count("mqtt_deliveries_dropped_total", "slow_consumer"))/float64(b.N), "dropped/op")
}

// BenchmarkDeliverQoS1 measures the way of a QoS 1 delivery from Deliver to
// the PUBACK of a client on loopback, a window of 1000 at a time. 0
// allocations of ours: queue and window are rings.
func BenchmarkDeliverQoS1(b *testing.B) {
	const window = 1000
	f := onTCP(b, Limits{MaxInflight: window})
	p := f.connect("a", true, false)
	p.subscribe("t", 1)
	s, m := f.cluster.match(message("t", 0, ""))[0].s, message("t", 1, string(make([]byte, 64)))
	acks := make([]byte, 0, 4*window)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		n := min(left, window)
		left -= n
		for range n {
			s.Deliver(m, core.Grant{QoS: 1})
		}
		acks = acks[:0]
		for range n {
			got, err := p.in.Next()
			if err != nil {
				b.Fatal(err)
			}
			d, _ := got.Publish()
			acks = puback(d.ID).Append(acks)
		}
		if _, err := p.nc.Write(acks); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFanOut delivers one message to 1000 draining connections.
// Allocations: of buffers that grow while connections are saturated.
func BenchmarkFanOut(b *testing.B) {
	f := onTCP(b, Limits{})
	for range 1000 {
		drained(b, f, "t")
	}
	subs, m := f.cluster.match(message("t", 0, "")), message("t", 0, string(make([]byte, 64)))
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range subs {
			s.s.Deliver(m, core.Grant{})
		}
	}
	total := f.count("mqtt_deliveries_total", "")
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64(f.count("mqtt_deliveries_dropped_total", "slow_consumer"))/float64(total), "dropped/delivery")
}

// BenchmarkPublish measures the incoming path from socket to Cluster.Publish
// with nobody subscribed. QoS 0: 2 allocations, the message and its one
// buffer. QoS 1: 1 more for the accepted function, and
// what it holds.
func BenchmarkPublish(b *testing.B) {
	for name, m := range map[string]packet.Publish{
		"QoS0": publish("sensors/42", string(make([]byte, 64))),
		"QoS1": publish1("sensors/42", string(make([]byte, 64)), 1),
	} {
		b.Run(name, func(b *testing.B) { benchPublish(b, m) })
	}
}

func benchPublish(b *testing.B, m packet.Publish) {
	const batch = 100
	f := onTCP(b, Limits{})
	p := f.connect("a", true, false)
	var wire []byte
	for range batch {
		wire = m.Append(wire)
	}
	wire = packet.AppendEmpty(wire, packet.TypePingreq)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= batch {
		if _, err := p.nc.Write(wire); err != nil {
			b.Fatal(err)
		}
		for {
			got, err := p.in.Next()
			if err != nil {
				b.Fatal(err)
			}
			if got.Type == packet.TypePingresp {
				break
			}
		}
	}
}

// BenchmarkIdle reports the memory of an idle connection at both ends, with
// nothing but a session: heap and stacks.
func BenchmarkIdle(b *testing.B) {
	const conns = 5000
	f := onTCP(b, Limits{})
	f.dialMany(100, false)
	before := inUse()
	f.dialMany(conns, false)
	each := float64(inUse()-before) / conns
	for b.Loop() {
	}
	b.ReportMetric(each, "B/connection")
}

func inUse() uint64 {
	runtime.GC() // twice: pools keep what they have once
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
