package clauses

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestLoad holds that clients do not get into each other's way.
func TestLoad(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"many-at-once", manyAtOnce},
		scene{"one-that-does-not-read", stuck},
		scene{"flapping", flapping},
	)
}

// manyAtOnce: each with its own topic, at each QoS, none loses or doubles
// anything.
func manyAtOnce(p *play) {
	var wg sync.WaitGroup
	for i := range 30 {
		x := p.join(fmt.Sprint("x", i))
		topic := p.topic(fmt.Sprint(i))
		x.on(topic+"/+", 2)
		wg.Go(func() {
			for j := range 50 {
				qos := byte(j % 3)
				x.send(publish{topic: topic + "/t", payload: fmt.Sprint(j), qos: qos, id: 1000 + j}.bytes(p.v))
				x.roundTrip(topic+"/t", fmt.Sprint(j), qos, 1000+j)
			}
		})
	}
	wg.Wait()
}

// roundTrip answers what comes until a message of one's own was acknowledged
// and has come back. It fails the test from any goroutine.
func (x *peer) roundTrip(topic, payload string, qos byte, id int) {
	got, acked := false, qos == 0
	for !got || !acked {
		m, err := x.poll(within)
		switch {
		case err != nil:
			x.Errorf("%s: %v", x.id, err)
			return
		case m.typ == publishType && m.topic == topic && m.payload == payload && m.qos() == qos && !got:
			if qos < 2 {
				got = true
			}
			x.offer(map[byte][]byte{1: ack(pubackType, m.id), 2: ack(pubrecType, m.id)}[qos])
		case m.typ == pubrelType && !got:
			got = true
			x.offer(ack(pubcompType, m.id))
		case m.typ == pubackType && m.id == id, m.typ == pubcompType && m.id == id:
			acked = true
		case m.typ == pubrecType && m.id == id:
			x.offer(ack(pubrelType, id))
		default:
			x.Errorf("%s: got %s", x.id, m)
			return
		}
	}
}

// stuck: a subscriber that never reads costs others nothing. It is there with
// more than the buffers of the system hold.
func stuck(p *play) {
	still, s, q := p.join("still"), p.join("s"), p.join("q")
	still.on(p.topic("t"), 1)
	s.on(p.topic("t"), 1)
	large := strings.Repeat("x", 100_000)
	for i := range 200 {
		q.publish(publish{topic: p.topic("t"), payload: large, qos: byte(i % 2)})
		s.take(p.topic("t"), large)
	}
	s.silent(q)
}

// flapping: many connections of one client ID in a row, one session.
func flapping(p *play) {
	q := p.join("q")
	s := p.join("s", lasting)
	s.on(p.topic("t"), 1)
	for i := range 50 {
		now := p.resume("s")
		s.ends(0x8E)
		s = now
		if i%10 == 0 {
			q.say(p.topic("t"), fmt.Sprint(i))
			s.take(p.topic("t"), fmt.Sprint(i))
			s.nothing() // the acknowledgement has been read
		}
	}
	s.silent(q)
}
