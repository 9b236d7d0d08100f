package mqtt

import (
	"bytes"
	"net"
	"os"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// peer is a client that speaks packets, one at a time.
type peer struct {
	testing.TB
	nc      net.Conn
	in      *packet.Reader
	version packet.Version
}

type appender interface{ Append([]byte) []byte }

type empty packet.Type

func (e empty) Append(dst []byte) []byte { return packet.AppendEmpty(dst, packet.Type(e)) }

func (f *fixture) open() *peer {
	f.Helper()
	nc, err := f.dial()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { nc.Close() })
	p := &peer{TB: f.TB, nc: nc, in: packet.NewReader(nc, make([]byte, 4096), 1<<28), version: packet.Version311}
	p.in.FromServer()
	return p
}

// open5 opens a connection on which 5.0 is spoken.
func (f *fixture) open5() *peer {
	f.Helper()
	p := f.open()
	p.version = packet.Version5
	p.in.SetVersion(p.version)
	return p
}

// connect opens a session of 3.1.1; present is what the CONNACK must say.
func (f *fixture) connect(id string, clean, present bool) *peer {
	f.Helper()
	p := f.open()
	p.send(packet.Connect{Version: 4, CleanStart: clean, ClientID: id})
	p.want(packet.Connack{SessionPresent: present})
	return p
}

// connect5 opens a session of 5.0 and returns what the CONNACK says.
func (f *fixture) connect5(req packet.Connect) (*peer, packet.Connack) {
	f.Helper()
	p := f.open5()
	req.Version, req.RequestProblem = packet.Version5, true
	p.send(req)
	return p, p.connack()
}

// clean5 opens a session of 5.0 that ends with its connection.
func (f *fixture) clean5(id string) *peer {
	f.Helper()
	p, answer := f.connect5(packet.Connect{ClientID: id, CleanStart: true})
	if answer.Code != 0 || answer.SessionPresent {
		f.Fatalf("CONNACK %+v", answer)
	}
	return p
}

func (p *peer) send(packets ...appender) {
	p.Helper()
	var wire []byte
	for _, a := range packets {
		wire = a.Append(wire)
	}
	if _, err := p.nc.Write(wire); err != nil {
		p.Fatal(err)
	}
}

// want reads packets and compares them byte for byte.
func (p *peer) want(packets ...appender) {
	p.Helper()
	for _, a := range packets {
		got, err := p.in.Next()
		if err != nil {
			p.Fatalf("want %+v: %v", a, err)
		}
		r := packet.NewReader(bytes.NewReader(a.Append(nil)), nil, 1<<28)
		r.SetVersion(p.version)
		want, err := r.Next()
		if err != nil {
			p.Fatalf("%+v: %v", a, err)
		}
		if got.Type != want.Type || got.Flags != want.Flags || !bytes.Equal(got.Body, want.Body) {
			p.Fatalf("got %v %x %q, want %+v", got.Type, got.Flags, got.Body, a)
		}
	}
}

// next reads a packet of a type.
func (p *peer) next(t packet.Type) packet.Packet {
	p.Helper()
	got, err := p.in.Next()
	if err != nil {
		p.Fatalf("want %v: %v", t, err)
	}
	if got.Type != t {
		p.Fatalf("got %v %q, want %v", got.Type, got.Body, t)
	}
	return got
}

// decoded fails the test when a packet did not decode.
func decoded[T any](p *peer) func(v T, err error) T {
	p.Helper()
	return func(v T, err error) T {
		p.Helper()
		if err != nil {
			p.Fatal(err)
		}
		return v
	}
}

func (p *peer) connack() packet.Connack {
	p.Helper()
	return decoded[packet.Connack](p)(p.next(packet.TypeConnack).Connack())
}

func (p *peer) publish() packet.Publish {
	p.Helper()
	return decoded[packet.Publish](p)(p.next(packet.TypePublish).Publish())
}

func (p *peer) suback() packet.Suback {
	p.Helper()
	return decoded[packet.Suback](p)(p.next(packet.TypeSuback).Suback())
}

// wantBye reads a DISCONNECT with a reason, and the end after it.
func (p *peer) wantBye(reason packet.Reason) {
	p.Helper()
	d := decoded[packet.Disconnect](p)(p.next(packet.TypeDisconnect).Disconnect())
	if d.Reason != reason {
		p.Errorf("DISCONNECT %v (%s), want %v", d.Reason, d.ReasonString, reason)
	}
	p.wantClosed()
}

func (p *peer) wantClosed() {
	p.Helper()
	if got, err := p.in.Next(); err == nil || os.IsTimeout(err) {
		p.Fatalf("not closed: %v %v", got.Type, err)
	}
}

// silent says that nothing comes for a while; for synctest.
func (p *peer) silent(d time.Duration) {
	p.Helper()
	p.nc.SetReadDeadline(time.Now().Add(d))
	if got, err := p.in.Next(); !os.IsTimeout(err) {
		p.Fatalf("got %v %v", got.Type, err)
	}
	p.nc.SetReadDeadline(time.Time{})
}

// alive says that the connection is served; nothing else must be on its way.
func (p *peer) alive() {
	p.Helper()
	p.send(empty(packet.TypePingreq))
	p.want(empty(packet.TypePingresp))
}

func (p *peer) subscribe(filter core.Filter, q core.QoS) {
	p.Helper()
	p.subscribeTo(packet.Subscription{Filter: filter, QoS: q})
}

// subscribeTo wants every subscription granted as asked for.
func (p *peer) subscribeTo(subs ...packet.Subscription) {
	p.Helper()
	answer := packet.Suback{Version: p.version, ID: 77}
	for _, s := range subs {
		answer.Codes = append(answer.Codes, byte(s.QoS))
	}
	p.send(packet.Subscribe{Version: p.version, ID: 77, Subscriptions: subs})
	p.want(answer)
}

func publish(topic, payload string) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload)}
}

func publish1(topic, payload string, id uint16) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: 1, ID: id}
}

func publish2(topic, payload string, id uint16) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: 2, ID: id}
}

// five makes a PUBLISH one of 5.0.
func five(m packet.Publish) packet.Publish {
	m.Version = packet.Version5
	return m
}

func retain(m packet.Publish) packet.Publish {
	m.Retain = true
	return m
}

func dup(m packet.Publish) packet.Publish {
	m.Dup = true
	return m
}

func ackOf(t packet.Type, id uint16) packet.Ack { return packet.Ack{Type: t, ID: id} }

func puback(id uint16) packet.Ack  { return ackOf(packet.TypePuback, id) }
func pubrec(id uint16) packet.Ack  { return ackOf(packet.TypePubrec, id) }
func pubrel(id uint16) packet.Ack  { return ackOf(packet.TypePubrel, id) }
func pubcomp(id uint16) packet.Ack { return ackOf(packet.TypePubcomp, id) }

// refused makes an acknowledgement of 5.0 one with a reason.
func refused(a packet.Ack, reason packet.Reason) packet.Ack {
	a.Version, a.Reason = packet.Version5, reason
	return a
}

func message(topic core.Topic, q core.QoS, payload string) *core.Message {
	return &core.Message{Topic: topic, QoS: q, Payload: []byte(payload)}
}

// deliver hands a message over to the only session that matches its topic.
func (f *fixture) deliver(m *core.Message) {
	f.Helper()
	found := f.cluster.match(m)
	if len(found) != 1 {
		f.Fatalf("%d sessions match %s", len(found), m.Topic)
	}
	found[0].s.Deliver(m, found[0].grant)
}
