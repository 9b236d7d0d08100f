package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		a, b := f.connect("a", true, false), f.connect("b", true, false)
		a.subscribe("t/+", 1)
		a.subscribe("t/#", 0)
		b.send(publish("t/x", "zero"), publish1("t/x", "one", 5), publish("other", "x"), publish1("t/x/y", "two", 6))
		a.want(publish("t/x", "zero"), publish1("t/x", "one", 1), publish("t/x/y", "two"))
		b.want(puback(5), puback(6))
		a.send(packet.Unsubscribe{ID: 3, Filters: []core.Filter{"t/+", "none"}})
		a.want(packet.Ack{Type: packet.TypeUnsuback, ID: 3})
		b.send(publish1("t/x", "three", 7))
		a.want(publish("t/x", "three"))
		b.want(puback(7))
		b.send(empty(packet.TypeDisconnect))
		b.wantClosed()
		synctest.Wait()
		f.wantClosed("disconnect", 1)
		f.wantCount("mqtt_publishes_received_total", "", 5)
		f.wantCount("mqtt_deliveries_total", "", 4)
	})
}

// TestLarge: a message that is longer than every buffer.
func TestLarge(t *testing.T) {
	f := onTCP(t, Limits{})
	a := f.connect("a", true, false)
	a.subscribe("#", 1)
	big := publish("t", strings.Repeat("0123456789", 100_000))
	a.send(big, publish("t", "small"))
	a.want(big, publish("t", "small"))
	if _, err := a.nc.Write([]byte{0x30, 0xff, 0xff, 0x7f}); err != nil {
		t.Fatal(err)
	}
	a.wantClosed()
}

// TestPubackOrder accepts in the wrong order and more than once.
func TestPubackOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		f.cluster.hold = true
		p := f.connect("a", true, false)
		p.send(publish1("t", "", 11), publish1("t", "", 12), publish("t", ""), publish1("t", "", 13))
		synctest.Wait()
		held := f.cluster.takeHeld()
		held[2]()
		held[1]()
		held[1]()
		p.silent(time.Second)
		held[0]()
		held[0]()
		p.want(puback(11), puback(12), puback(13))
		p.silent(time.Second)
	})
}

// TestPending: reading pauses at the bound and goes on; keep-alive does not
// run meanwhile.
func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{ReceiveMaximum: 3})
		f.cluster.hold = true
		p := f.open()
		p.send(packet.Connect{Version: 4, CleanStart: true, ClientID: "a", KeepAlive: 2})
		p.want(packet.Connack{})
		p.send(publish1("t", "", 1), publish1("t", "", 2),
			packet.Subscribe{ID: 3, Subscriptions: []packet.Subscription{{Filter: "f"}}},
			publish1("t", "", 4), empty(packet.TypePingreq))
		p.want(empty(packet.TypePingresp))
		p.silent(time.Minute)
		held := f.cluster.takeHeld()
		if len(held) != 3 {
			t.Fatalf("%d packets were read", len(held))
		}
		f.wantCount("mqtt_reads_paused_total", "unanswered", 1)
		held[2]()
		p.want(packet.Suback{ID: 3, Codes: []byte{0}})
		synctest.Wait()
		held[1]()
		held[0]()
		p.want(puback(1), puback(2))
		synctest.Wait()
		f.cluster.takeHeld()[0]()
		p.want(puback(4))
	})
}

// TestSuback: it leaves when all filters are visible, other packets pass, and
// a filter beyond the limit fails alone.
func TestSuback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxSubscriptions: 2})
		f.cluster.hold = true
		p := f.connect("a", true, false)
		p.send(packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{
			{Filter: "a"}, {Filter: "b", QoS: 2}, {Filter: "c", QoS: 1}, {Filter: "a", QoS: 1}}},
			empty(packet.TypePingreq))
		p.want(empty(packet.TypePingresp))
		held := f.cluster.takeHeld()
		if len(held) != 3 {
			t.Fatalf("%d subscriptions", len(held))
		}
		held[0]()
		held[2]()
		p.silent(time.Second)
		held[1]()
		p.want(packet.Suback{ID: 1, Codes: []byte{0, 2, packet.SubackFailure, 1}})
		f.wantCount("mqtt_subscriptions_refused_total", "max_subscriptions", 1)
	})
}

func TestPublishRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.connect("a", true, false)
		f.cluster.set(func() { f.cluster.err = errors.New("no room") })
		p.send(publish1("t", "", 1))
		p.wantClosed()
		synctest.Wait()
		f.wantClosed("publish_refused", 1)
	})
}

// TestBlockedPublish: a publisher that waits in the cluster goes when its
// connection is closed.
func TestBlockedPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		f.cluster.block = true
		p := f.connect("a", false, false)
		p.send(publish1("t", "", 1))
		synctest.Wait()
		f.connect("a", false, true)
		p.wantClosed()
		synctest.Wait()
		f.wantClosed("taken_over", 1)
	})
}

// TestProtocol: packets that must end a connection.
func TestProtocol(t *testing.T) {
	for _, c := range []struct {
		wire   []byte
		reason string
	}{
		{packet.Connect{Version: 4, ClientID: "a"}.Append(nil), "protocol_violation"}, // [MQTT-3.1.0-2]
		{packet.Connack{}.Append(nil), "protocol_violation"},
		{packet.Suback{ID: 1, Codes: []byte{0}}.Append(nil), "protocol_violation"},
		{packet.Ack{Type: packet.TypePubrel}.Append(nil), "protocol_violation"},
		{[]byte{0xf0, 0}, "malformed_packet"}, // AUTH
		{packet.Ack{Type: packet.TypePuback}.Append(nil), "protocol_violation"},
		{empty(packet.TypePingresp).Append(nil), "protocol_violation"},
		{[]byte{0xc0, 1, 0}, "malformed_packet"},
		{[]byte{0xe0, 1, 0}, "malformed_packet"},
		{[]byte{0x82, 2, 0, 1}, "protocol_violation"},
		{[]byte{0xa2, 2, 0, 1}, "protocol_violation"},
		{[]byte{0x30, 3, 0, 1, '#'}, "protocol_violation"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := onPipe(t, Limits{})
			p := f.connect("a", true, false)
			_, _ = p.nc.Write(c.wire)
			p.wantClosed()
			synctest.Wait()
			f.wantClosed(c.reason, 1)
		})
	}
}

// TestPanic: a panic behind one connection ends that one only.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		f.cluster.panicsOn, f.cluster.panicsAt = "boom", "f"
		a, b := f.connect("a", true, false), f.connect("b", true, false)
		a.subscribe("f", 1)
		a.send(publish("boom", ""))
		a.wantClosed()
		b.send(empty(packet.TypePingreq))
		b.want(empty(packet.TypePingresp))
		synctest.Wait()
		f.wantCount("mqtt_panics_total", "", 2) // in Publish, and in the clean-up after it
		f.wantClosed("internal_error", 1)
		if !strings.Contains(f.log.String(), "fakeCluster).Publish") {
			t.Error("the stack is not in the log")
		}
	})
}

// TestUnknownPuback is ignored and counted; order is kept across 3 windows.
func TestUnknownPuback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxInflight: 10})
		p := f.connect("a", true, false)
		p.subscribe("t", 1)
		p.send(puback(9))
		for i := range 30 {
			f.deliver(message("t", 1, fmt.Sprint(i)))
		}
		for i := range 30 {
			p.want(publish1("t", fmt.Sprint(i), uint16(i+1)))
			p.send(puback(uint16(i + 1)))
		}
		synctest.Wait()
		f.wantCount("mqtt_acks_unknown_total", "", 1)
	})
}
