package mqtt

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"pgregory.net/rapid"
)

// TestParcel: whatever the sizes and the pieces in which it is taken, what
// comes out is what the packets are.
func TestParcel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p parcel
		var want, got []byte
		p.begin()
		for range rapid.IntRange(0, 8).Draw(t, "packets") {
			size := rapid.SampledFrom([]int{0, 1, 100, longPayload - 1, longPayload, longPayload + 1, 70_000}).Draw(t, "size")
			m := &core.Message{Topic: "t", Payload: bytes.Repeat([]byte{byte(len(want))}, size)}
			d := packet.Delivery{Message: m, Version: packet.Version5}
			p.add(&d)
			want = d.Append(want)
		}
		if p.size() != len(want) {
			t.Fatalf("size %d, want %d", p.size(), len(want))
		}
		for b := p.next(); len(b) > 0; b = p.next() {
			n := rapid.IntRange(0, len(b)).Draw(t, "taken")
			if n == 0 {
				n = len(b)
			}
			got = append(got, b[:n]...)
			p.took(n)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, want %d", len(got), len(want))
		}
		p.release()
		if p.size() != 0 {
			t.Fatal("not empty")
		}
	})
}

// TestLongPayloadShared: a long message is in memory once, however many
// clients it waits for.
func TestLongPayloadShared(t *testing.T) {
	const subscribers, size = 50, 4 << 20
	f := onTCP(t, Limits{OutBuffer: 8 << 20, MaxQueueBytes: 64 << 20})
	var peers []*peer
	for range subscribers {
		p := f.clean5("")
		p.subscribe("t", 1)
		peers = append(peers, p)
	}
	payload := make([]byte, size)
	before := inUse()
	for _, s := range f.cluster.match(message("t", 1, "")) {
		s.s.Deliver(&core.Message{Topic: "t", Payload: payload, QoS: 1}, s.grant)
	}
	if grown := int64(inUse()) - int64(before); grown > 10*size {
		t.Errorf("%d bytes more for %d subscribers", grown, subscribers)
	}
	var readers sync.WaitGroup
	for _, p := range peers {
		readers.Go(func() {
			p.nc.SetReadDeadline(time.Now().Add(time.Minute))
			if got, err := p.in.Next(); err != nil || len(got.Body) < size {
				p.Errorf("%d bytes, %v", len(got.Body), err)
			}
		})
	}
	readers.Wait()
}
