// Package brokertest is the smallest broker that a load generator can be tested
// against: it delivers every message to every subscriber, and makes mistakes
// to order, each of which the generator must notice.
package brokertest

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// Faults are the ways in which a Broker may be wrong; the zero value is none.
type Faults struct {
	Drop      int  // every so many-th delivery is lost
	Double    int  // every so many-th is delivered twice
	Swap      int  // every so many-th comes after the one that follows it
	Halt      int  // every so many-th comes in two halves, a while apart
	Foreign   bool // a stranger's message comes first
	Refuse    bool // CONNECT is answered with "not authorised"
	Low       bool // SUBSCRIBE is granted at QoS 0
	Deaf      bool // PUBLISH is never acknowledged
	Backwards bool // PUBACKs come in pairs, the later first
	Garbage   bool // PUBLISH is answered with no packet of MQTT's
	HangUp    bool // the connection ends at the first PUBLISH
	Stall     bool // nothing is read after the first PUBLISH
}

// Broker delivers each message to every subscriber whose filter is its topic,
// or ends in #.
type Broker struct {
	t      testing.TB
	faults Faults
	ln     net.Listener
	all    sync.WaitGroup
	over   chan struct{} // closed when the broker stops
	once   sync.Once

	mu    sync.Mutex
	conns []net.Conn
	open  int // of conns
	subs  []*brokerSub
	acked int // PUBACKs and PUBCOMPs of subscribers
}

// brokerSub is a subscription and what the broker holds back of it.
type brokerSub struct {
	conn  net.Conn
	topic string // "": any
	qos   byte
	count int
	id    uint16
	held  []byte
}

// Start listens on loopback until the end of the test.
func Start(t testing.TB, f Faults) *Broker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{t: t, faults: f, ln: ln, over: make(chan struct{})}
	b.all.Go(b.accept)
	t.Cleanup(b.Stop)
	return b
}

// Addr is host:port of the listener.
func (b *Broker) Addr() string { return b.ln.Addr().String() }

func (b *Broker) accept() {
	for {
		conn, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.open++
		b.mu.Unlock()
		b.all.Go(func() {
			defer conn.Close()
			b.serve(conn)
			b.mu.Lock()
			b.open--
			b.mu.Unlock()
		})
	}
}

// Stop ends the broker and all connections; calling it again is harmless.
func (b *Broker) Stop() {
	b.once.Do(func() { close(b.over) })
	_ = b.ln.Close()
	b.mu.Lock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.all.Wait()
}

// Drained waits until all clients have gone, and everything that they sent has
// been read.
func (b *Broker) Drained() {
	b.t.Helper()
	limit, look := time.NewTimer(time.Minute), time.NewTicker(time.Millisecond)
	defer limit.Stop()
	defer look.Stop()
	for b.connected() > 0 {
		select {
		case <-look.C:
		case <-limit.C:
			b.t.Fatalf("%d clients have not gone", b.connected())
		}
	}
}

func (b *Broker) connected() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func (b *Broker) serve(conn net.Conn) {
	in := wire.NewReader(conn, 1<<20)
	var late []byte // a PUBACK held back
	for {
		p, err := in.Next()
		if err != nil {
			return
		}
		switch p.Type {
		case wire.Connect:
			b.connack(conn)
		case wire.Subscribe:
			b.subscribe(conn, p)
		case wire.PublishType:
			late = b.publish(conn, p, late)
		case wire.Puback, wire.Pubcomp:
			b.mu.Lock()
			b.acked++
			b.mu.Unlock()
		case wire.Pubrec:
			b.answer(conn, wire.Pubrel, p)
		case wire.Pubrel:
			b.answer(conn, wire.Pubcomp, p)
		case wire.Pingreq:
			b.write(conn, append(late, wire.AppendEmpty(nil, wire.Pingresp)...))
		case wire.Disconnect:
			return
		}
	}
}

func (b *Broker) connack(conn net.Conn) {
	var code byte
	if b.faults.Refuse {
		code = 5
	}
	b.write(conn, []byte{wire.Connack << 4, 2, 0, code})
}

func (b *Broker) subscribe(conn net.Conn, p wire.Packet) {
	qos := p.Body[len(p.Body)-1]
	if b.faults.Low {
		qos = 0
	}
	topic := string(p.Body[4 : len(p.Body)-1])
	if topic[len(topic)-1] == '#' {
		topic = ""
	}
	b.mu.Lock()
	b.subs = append(b.subs, &brokerSub{conn: conn, topic: topic, qos: qos})
	b.mu.Unlock()
	b.write(conn, []byte{wire.Suback << 4, 3, p.Body[0], p.Body[1], qos})
}

// answer goes on with the exchange of QoS 2.
func (b *Broker) answer(conn net.Conn, packetType byte, p wire.Packet) {
	id, err := wire.ParseAck(p)
	if err != nil {
		b.t.Errorf("the generator sent % x: %v", p.Body, err)
		return
	}
	b.write(conn, wire.AppendAck(nil, packetType, id))
}

// publish answers and delivers; it returns the PUBACK that it holds back.
func (b *Broker) publish(conn net.Conn, p wire.Packet, late []byte) []byte {
	pub, err := wire.ParsePublish(p)
	if err != nil {
		b.t.Errorf("the generator sent % x: %v", p.Body, err)
		return nil
	}
	if b.faults.Stall {
		<-b.over
	}
	if b.faults.HangUp {
		_ = conn.Close()
		return nil
	}
	if b.faults.Garbage {
		b.write(conn, []byte{0xf0, 0})
	}
	b.deliver(pub)
	if pub.QoS == 0 || b.faults.Deaf {
		return nil
	}
	kind := byte(wire.Puback)
	if pub.QoS == 2 {
		kind = wire.Pubrec
	}
	ack := wire.AppendAck(nil, kind, pub.ID)
	if b.faults.Backwards && late == nil {
		return ack
	}
	b.write(conn, append(ack, late...))
	return nil
}

func (b *Broker) deliver(pub wire.Publish) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.subs {
		if s.topic != "" && s.topic != string(pub.Topic) {
			continue
		}
		s.count++
		s.id = s.id%65535 + 1
		d := pub
		d.QoS, d.ID = min(pub.QoS, s.qos), s.id
		packet := wire.AppendPublish(nil, d)
		if b.faults.Foreign && s.count == 1 {
			b.write(s.conn, wire.AppendPublish(nil, wire.Publish{Topic: pub.Topic, Payload: []byte("short")}))
		}
		packet = s.distort(b.faults, packet)
		if b.faults.Halt > 0 && s.count%b.faults.Halt == 0 {
			b.write(s.conn, packet[:len(packet)/2])
			b.pause()
			packet = packet[len(packet)/2:]
		}
		b.write(s.conn, packet)
	}
}

// pause is longer than any wait of the generator for a packet to go on.
func (b *Broker) pause() {
	t := time.NewTimer(250 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.over:
	}
}

// distort returns what is really sent in place of a delivery.
func (s *brokerSub) distort(f Faults, packet []byte) []byte {
	every := func(n int) bool { return n > 0 && s.count%n == 0 }
	switch {
	case every(f.Drop):
		return nil
	case every(f.Double):
		return bytes.Repeat(packet, 2)
	case every(f.Swap):
		s.held = packet
		return nil
	}
	packet = append(packet, s.held...)
	s.held = nil
	return packet
}

// write ignores errors: clients may be gone.
func (b *Broker) write(conn net.Conn, p []byte) {
	if len(p) > 0 {
		_, _ = conn.Write(p)
	}
}

// Acked is the number of messages that subscribers have acknowledged, at QoS 2
// for good.
func (b *Broker) Acked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acked
}
