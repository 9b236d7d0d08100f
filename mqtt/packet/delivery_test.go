package packet

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// TestDelivery compares with the PUBLISH that says the same.
func TestDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDelivery(t)
		got := d.Append([]byte("before"))[len("before"):]
		if want := asPublish(d).Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("%+v\nis %.100x\nnot %.100x", d, got, want)
		}
		if d.Size() != len(got) {
			t.Fatalf("size %d, %d written", d.Size(), len(got))
		}
		if head, ok := d.AppendHead(nil); !ok || !bytes.Equal(append(head, d.Message.Payload...), got) {
			t.Fatalf("the head is %x", head)
		}
		s := side{version: d.Version, server: true}
		r := s.reader(got, nil)
		r.SetMax(MaxPacket)
		p, err := r.Next()
		if m, err2 := p.Publish(); err != nil || err2 != nil || len(m.IDs) != len(asPublish(d).IDs) {
			t.Fatalf("%+v: %v %v", d, err, err2)
		}
	})
}

func drawDelivery(t *rapid.T) Delivery {
	size := rapid.SampledFrom([]int{0, 1, 100, 110, 120, 124, 125, 16_330, 16_370, 16_380, 2_097_140}).Draw(t, "size")
	d := Delivery{
		Version: rapid.SampledFrom([]Version{0, Version311, Version5}).Draw(t, "version"),
		Message: &core.Message{Topic: "a/b", Payload: make([]byte, size), QoS: 1, Retain: true},
		Retain:  rapid.Bool().Draw(t, "retain"),
		IDs:     rapid.SliceOfN(rapid.Uint32Range(1, 268_435_455), 0, 3).Draw(t, "ids"),
		Alias:   rapid.Uint16Range(0, 2).Draw(t, "alias"), NoTopic: rapid.Bool().Draw(t, "no topic"),
		HasExpiry: rapid.Bool().Draw(t, "expires"), Expiry: 77,
	}
	if rapid.Bool().Draw(t, "properties") {
		d.Message.Extra = &core.Extra{Properties: bytes.Repeat(user("k", "v"), rapid.IntRange(0, 40).Draw(t, "users"))}
	}
	if d.QoS = core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")); d.QoS > 0 {
		d.ID, d.Dup = 9, rapid.Bool().Draw(t, "dup")
	}
	return d
}

func asPublish(d Delivery) Publish {
	m := Publish{Version: d.Version, Topic: []byte(d.Message.Topic), Payload: d.Message.Payload, QoS: d.QoS, ID: d.ID,
		Dup: d.Dup, Retain: d.Retain}
	if d.Version != Version5 {
		return m
	}
	m.IDs, m.Alias, m.Properties = d.IDs, d.Alias, d.Message.Properties()
	m.Expiry, m.HasExpiry = d.Expiry, d.HasExpiry
	if d.NoTopic && d.Alias != 0 {
		m.Topic = nil
	}
	return m
}

// TestDeliveryShares: a message that many receive is never written to
// and 3.1.1 gets nothing of 5.0.
func TestDeliveryShares(t *testing.T) {
	m := &core.Message{Topic: "a", Payload: []byte("p"), Extra: &core.Extra{Properties: slices.Clip(user("k", "v"))}}
	five := Delivery{Message: m, Version: Version5, IDs: []uint32{300}, Alias: 1, HasExpiry: true, Expiry: 3}
	old := five
	old.Version = Version311
	for range 3 {
		if got, want := five.Append(nil), "\x30\x17\x00\x01a\x12\x0b\xac\x02\x02\x00\x00\x00\x03\x23\x00\x01\x26\x00\x01k\x00\x01vp"; string(got) != want {
			t.Errorf("%q", got)
		}
		if got, want := old.Append(nil), "\x30\x04\x00\x01ap"; string(got) != want {
			t.Errorf("%q", got)
		}
	}
	if diff := cmp.Diff(m, &core.Message{Topic: "a", Payload: []byte("p"), Extra: &core.Extra{Properties: user("k", "v")}}); diff != "" {
		t.Error(diff)
	}
}

// TestDeliveryBadID: an identifier that no packet can carry is left out.
func TestDeliveryBadID(t *testing.T) {
	m := &core.Message{Topic: "a"}
	want := Delivery{Message: m, Version: Version5, IDs: []uint32{1, 268_435_455}}.Append(nil)
	d := Delivery{Message: m, Version: Version5, IDs: []uint32{0, 1, 268_435_456, 268_435_455, 1<<32 - 1}}
	if got := d.Append(nil); !bytes.Equal(got, want) || d.Size() != len(want) {
		t.Errorf("%x, size %d", got, d.Size())
	}
}

func TestFits(t *testing.T) {
	payload := make([]byte, maxRemaining)
	const around = 2 + 2 + 1 + 5 + 3 // length of the topic, identifier, properties
	for _, c := range []struct {
		topic, payload, props int
		want                  bool
	}{
		{65535, 0, 0, true}, {65536, 0, 0, false},
		{1, maxRemaining - 1 - around, 0, true}, {1, maxRemaining - around, 0, false},
		{1, maxRemaining - 1 - around - 7, 7, true}, {1, maxRemaining - 1 - around - 6, 7, false},
	} {
		m := &core.Message{Topic: core.Topic(strings.Repeat("a", c.topic)), Payload: payload[:c.payload],
			Extra: &core.Extra{Properties: payload[:c.props]}}
		if Fits(m) != c.want {
			t.Errorf("topic %d, payload %d: %v", c.topic, c.payload, !c.want)
		}
	}
	// One that does not fit is left out, and its size says so.
	m := &core.Message{Topic: "a", Payload: payload}
	if d := (Delivery{Message: m}); d.Size() <= MaxPacket || len(d.Append(nil)) != 0 {
		t.Errorf("%d bytes", d.Size())
	}
}

// TestNoAllocation guards what the hot paths rest on.
func TestNoAllocation(t *testing.T) {
	old := Packet{Type: TypePublish, Body: []byte("\x00\x03a/bpayload")}
	five := Packet{Type: TypePublish, Version: Version5, Body: []byte("\x00\x03a/b\x00payload")}
	props := Packet{Type: TypePublish, Version: Version5,
		Body: slices.Concat([]byte("\x00\x03a/b\x1b\x02\x00\x00\x00\x01\x01\x01"), user("k", "v"), user("k", "v"), []byte("\x03\x00\x03a/bpayload"))}
	ack := Packet{Type: TypePuback, Version: Version5, Body: []byte{0, 1, 0x10}}
	m := &core.Message{Topic: "a/b", Payload: make([]byte, 64), Extra: &core.Extra{Properties: user("k", "v")}}
	d := Delivery{Message: m, Version: Version5, QoS: 1, ID: 1, IDs: []uint32{1, 2}, Alias: 3, HasExpiry: true, Expiry: 9}
	buf := make([]byte, 0, 256)
	r := NewReader(&endless{wire: []byte{0x30, 3, 0, 1, 'a'}}, nil, 100)
	if _, err := props.Publish(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"decode PUBLISH":                 func() { _, _ = old.Publish() },
		"decode PUBLISH of 5.0":          func() { _, _ = five.Publish() },
		"decode PUBLISH with properties": func() { _, _ = props.Publish() },
		"decode PUBACK":                  func() { _, _ = ack.Ack() },
		"decode DISCONNECT":              func() { _, _ = Packet{Type: TypeDisconnect, Version: Version5}.Disconnect() },
		"read a packet":                  func() { _, _ = r.Next() },
		"append Delivery":                func() { buf = d.Append(buf[:0]) },
		"append PUBACK":                  func() { buf = Ack{Version: Version5, Type: TypePuback, ID: 1, Reason: NotAuthorized}.Append(buf[:0]) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
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
