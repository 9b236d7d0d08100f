package mqtt

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// samples is a packet of every type, as full as it gets.
func samples(v packet.Version) []appender {
	props := packet.Properties{ContentType: "c", ResponseTopic: "r", User: []packet.UserProperty{{Name: "k", Value: "v"}}}.Append(nil)
	user := packet.Properties{User: []packet.UserProperty{{Name: "k", Value: "v"}}}.Append(nil)
	acked := func(t packet.Type) packet.Ack {
		return packet.Ack{Version: v, Type: t, ID: 9, Reason: 0x92, ReasonString: "why", UserProperties: user}
	}
	return []appender{
		packet.Connect{Version: v, ClientID: "c", Username: ptr("u"), Password: []byte("p"), SessionExpiry: 9, AuthData: nil, UserProperties: user,
			Will: &packet.Will{Topic: "w", Payload: []byte("x"), QoS: 1, Delay: 1, Properties: props}},
		packet.Connack{Version: v, SessionPresent: true, ReasonString: "why"},
		packet.Publish{Version: v, Topic: []byte("t"), Payload: []byte("x"), QoS: 2, ID: 5, Alias: 1, Expiry: 3, HasExpiry: true, Properties: props},
		acked(packet.TypePuback), acked(packet.TypePubrec), acked(packet.TypePubrel), acked(packet.TypePubcomp),
		packet.Subscribe{Version: v, ID: 1, SubscriptionID: 3, UserProperties: user, Subscriptions: []packet.Subscription{{Filter: "a/#", QoS: 1}, {Filter: "$share/g/b"}}},
		packet.Suback{Version: v, ID: 1, Codes: []byte{0}, ReasonString: "why"},
		packet.Unsubscribe{Version: v, ID: 1, UserProperties: user, Filters: []core.Filter{"a/#", "b"}},
		packet.Unsuback{Version: v, ID: 1, Codes: []byte{0}},
		empty(packet.TypePingreq), empty(packet.TypePingresp),
		packet.Disconnect{Version: v, Reason: 4, SessionExpiry: ptr(uint32(1)), ReasonString: "why"},
		packet.Auth{Version: v, Reason: packet.ContinueAuthentication, Method: ptr("m"), Data: []byte("d")},
	}
}

// cut returns a packet with only n bytes of its body, and a header that says
// so. The body is shorter than 128 bytes.
func cut(wire []byte, n int) []byte {
	return append([]byte{wire[0], byte(n)}, wire[2:2+n]...)
}

// TestCutPackets: a packet of every type, cut short anywhere, before and after
// a CONNECT, ends that connection at the most, with a DISCONNECT or a CONNACK
// of 5.0 that says why, and nothing else happens.
func TestCutPackets(t *testing.T) {
	for _, v := range []packet.Version{packet.Version311, packet.Version5} {
		for i, sample := range samples(v) {
			wire := sample.Append(nil)
			t.Run(fmt.Sprint(v, " ", packet.Type(i+1)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := onPipe(t, Limits{})
					witness := f.join(v, "witness")
					witness.subscribe("witness/#", 1)
					for n := range len(wire) - 2 {
						f.suffer(v, cut(wire, n), false)
						f.suffer(v, cut(wire, n), true)
					}
					witness.alive()
					time.Sleep(time.Hour)
					synctest.Wait()
					f.wantCount("mqtt_panics_total", "", 0)
					if len(f.broker.places) != 1 || f.cluster.subscriptions() != 1 {
						t.Errorf("%d sessions, %d subscriptions", len(f.broker.places), f.cluster.subscriptions())
					}
				})
			})
		}
	}
}

// suffer sends bytes, as the first ones or after a CONNECT, and reads what
// comes until the end or the answer to a PINGREQ.
func (f *fixture) suffer(v packet.Version, wire []byte, connected bool) {
	f.Helper()
	p := f.open()
	defer p.nc.Close()
	p.in.SetVersion(v)
	if connected {
		p.send(packet.Connect{Version: v, CleanStart: true, ClientID: "hostile"})
		p.connack()
	}
	go func() { _, _ = p.nc.Write(packet.AppendEmpty(bytes.Clone(wire), packet.TypePingreq)) }()
	failed := false
	for {
		got, err := p.in.Next()
		if err != nil {
			first := packet.Type(wire[0] >> 4)
			if v == packet.Version5 && connected && !failed && first != packet.TypeDisconnect {
				f.Errorf("% x: closed without a word", wire)
			}
			return
		}
		switch got.Type {
		case packet.TypePingresp:
			return
		case packet.TypeConnack:
			failed = decoded[packet.Connack](p)(got.Connack()).Code >= 0x80
		case packet.TypeDisconnect:
			failed = decoded[packet.Disconnect](p)(got.Disconnect()).Reason.Failed()
		}
	}
}

// TestSlowLoris: connections that send a byte now and then hold little memory,
// and are cut off when their time is over.
func TestSlowLoris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns = 200
		f := onPipe(t, Limits{MaxPacket: packet.MaxPacket, MaxQueueBytes: 1 << 29})
		before := inUse()
		for range conns {
			p := f.open()
			p.send(raw("\x10\xff\xff\xff\x7f\x00\x04MQTT"))
		}
		synctest.Wait()
		if each := (inUse() - before) / conns; each > 40_000 && !raced {
			t.Errorf("%d bytes each", each)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		f.wantClosed("connect_timeout", conns)
	})
}

// TestWriteDeadline: a connection that was stuck once, and has caught up, is
// not cut off later for a deadline of that time.
func TestWriteDeadline(t *testing.T) {
	const timeout = 2 * time.Second
	f := onTCP(t, Limits{OutBuffer: 1 << 24, WriteTimeout: timeout})
	p := f.clean5("p")
	p.subscribe("t", 0)
	payload := string(make([]byte, 1<<20))
	for range 12 { // more than the sockets hold
		f.deliver(message("t", 0, payload))
	}
	for range 12 {
		p.next(packet.TypePublish)
	}
	<-time.After(timeout + timeout/10)
	for range 3 {
		p.alive()
	}
}

// TestStuckSubscriber: one that reads nothing costs no more than its limits,
// and delays neither the publisher nor the others.
func TestStuckSubscriber(t *testing.T) {
	f := onTCP(t, Limits{OutBuffer: 1 << 17, MaxQueue: 100})
	stuck, fine, pub := f.clean5("stuck"), f.clean5("fine"), f.clean5("pub")
	stuck.subscribe("t", 1)
	fine.subscribe("t", 0)
	payload := string(make([]byte, 10_000))
	before := inUse()
	const n = 5000 // 50 MB
	read := make(chan uint64)
	go func() { read <- fine.countUntil(packet.TypeUnsuback) }()
	for i := range n {
		pub.send(pub.as(publish1("t", payload, uint16(i+1))))
		pub.want(puback(uint16(i + 1)))
	}
	fine.send(packet.Unsubscribe{Version: 5, ID: 1, Filters: []core.Filter{"t"}})
	if got := <-read + f.count("mqtt_deliveries_dropped_total", "slow_consumer"); got != n {
		t.Errorf("%d of %d arrived or were counted", got, n)
	}
	runtime.KeepAlive(payload)
	if grown := int(inUse()) - int(before); grown > 10<<20 {
		t.Errorf("%d bytes more", grown)
	}
	if f.count("mqtt_deliveries_dropped_total", "queue_full") == 0 {
		t.Error("nothing was dropped")
	}
}
