package session

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"pgregory.net/rapid"
)

// world is a session with its log, a publisher that sends again what was not
// accepted, and a client that keeps exactly what the standard demands of it.
// Connections break, and the process is killed, at any moment.
type world struct {
	s       *Session
	o       Options
	now     time.Time
	base    State
	ops     []Op
	written int // ops that a kill cannot take

	unsent   []*core.Message // the publisher has to send them, or again
	accepted []*core.Message // in the log for good

	toClient []Out
	toServer []packet.Ack
	holds    map[uint16]*core.Message // the client, until PUBREL [MQTT-4.3.3-10]
	got      map[*core.Message]int
}

func newWorld(t *rapid.T, queue int) *world {
	w := &world{now: time.Unix(1000, 0), holds: map[uint16]*core.Message{}, got: map[*core.Message]int{}}
	w.base = State{Expiry: Never, NextID: rapid.SampledFrom([]uint16{1, 65530}).Draw(t, "first identifier"), At: w.now}
	w.o = Options{
		Limits: Limits{Inflight: rapid.IntRange(1, 6).Draw(t, "window"), Queue: queue, QueueBytes: 1 << 20},
		Record: func(op Op) { w.ops = append(w.ops, op) }, Gated: true,
	}
	w.replay(t, 0)
	return w
}

// TestKill: over connections that break and processes that are killed, a QoS 2
// message reaches the client at most once, no other message is taken for it,
// and nothing that was accepted is lost [MQTT-4.3.3].
func TestKill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 1000)
		t.Repeat(w.steps())
		w.finish(t)
		for i, m := range w.accepted {
			if n := w.got[m]; n == 0 || n > 1 && m.QoS == 2 {
				t.Fatalf("message %d, QoS %d: delivered %d times", i, m.QoS, n)
			}
		}
	})
}

// TestKillSmallQueue: that some messages are evicted, or expire, takes nothing
// from the others.
func TestKillSmallQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.IntRange(1, 4).Draw(t, "queue"))
		steps := w.steps()
		steps["expiring"] = w.expiring
		steps["wait"] = func(*rapid.T) { w.now = w.now.Add(time.Second) }
		t.Repeat(steps)
		w.finish(t)
	})
}

func (w *world) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"publish": w.publish, "publish ": w.publish, "send again": w.sendAgain,
		"next": w.next, "next ": w.next, "client": w.client, "client ": w.client, "server": w.server, "server ": w.server,
		"write": func(*rapid.T) { w.write() }, "connect": w.connect, "kill": w.kill,
	}
}

func (w *world) publish(t *rapid.T) {
	w.deliver(&core.Message{Topic: "t", QoS: core.QoS(rapid.IntRange(1, 2).Draw(t, "qos"))})
}

func (w *world) expiring(t *rapid.T) {
	end := w.now.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "seconds")) * time.Second)
	w.deliver(&core.Message{Topic: "t", QoS: 2, Extra: &core.Extra{Expires: end}})
}

func (w *world) deliver(m *core.Message) {
	w.unsent = append(w.unsent, m)
	w.s.Deliver(w.now, m, core.Grant{QoS: 2}, false)
}

// sendAgain is the publisher with what a kill took before it was acknowledged.
func (w *world) sendAgain(*rapid.T) {
	inLog := map[*core.Message]bool{}
	for _, op := range w.ops {
		inLog[op.Queued.Message] = true
	}
	for _, m := range w.unsent {
		if !inLog[m] {
			w.s.Deliver(w.now, m, core.Grant{QoS: 2}, false)
			return
		}
	}
}

// write brings everything recorded into the log; the publisher hears of it.
func (w *world) write() {
	mark, _ := w.s.Gate()
	w.written = len(w.ops)
	w.s.Written(mark)
	for _, op := range w.ops {
		if i := slices.Index(w.unsent, op.Queued.Message); i >= 0 {
			w.accepted = append(w.accepted, w.unsent[i])
			w.unsent = slices.Delete(w.unsent, i, i+1)
		}
	}
}

func (w *world) next(*rapid.T) {
	if out, ok := w.s.Next(w.now); ok {
		w.toClient = append(w.toClient, out)
		if out.Pubrel > 0 {
			w.write()
		}
	}
}

// client takes in the next packet, and acknowledges it.
func (w *world) client(t *rapid.T) {
	if len(w.toClient) == 0 {
		return
	}
	out := w.toClient[0]
	w.toClient = w.toClient[1:]
	if out.Pubrel > 0 {
		delete(w.holds, out.Pubrel)
		w.toServer = append(w.toServer, packet.Ack{Type: packet.TypePubcomp, ID: out.Pubrel})
		return
	}
	d := out.Delivery
	held, ack := w.holds[d.ID], packet.Ack{Type: packet.TypePuback, ID: d.ID}
	switch {
	case held != nil && held != d.Message:
		t.Fatalf("identifier %d: the client holds another message by it", d.ID)
	case d.QoS == 2 && held == nil && w.got[d.Message] > 0:
		t.Fatalf("identifier %d: a QoS 2 message came twice", d.ID)
	case held == nil:
		w.got[d.Message]++
	}
	if d.QoS == 2 {
		w.holds[d.ID], ack.Type = d.Message, packet.TypePubrec
	}
	w.toServer = append(w.toServer, ack)
}

// server takes in the next acknowledgement.
func (w *world) server(*rapid.T) {
	if len(w.toServer) == 0 {
		return
	}
	ack := w.toServer[0]
	w.toServer = w.toServer[1:]
	switch ack.Type {
	case packet.TypePuback:
		w.s.Puback(ack.ID)
	case packet.TypePubcomp:
		w.s.Pubcomp(ack.ID)
	default:
		if _, pubrel := w.s.Pubrec(ack.ID, 0); pubrel {
			w.write()
			w.toClient = append(w.toClient, Out{Pubrel: ack.ID})
		}
	}
}

// connect breaks the connection, if there is one, and begins the next.
func (w *world) connect(t *rapid.T) {
	w.toClient, w.toServer = nil, nil
	w.s.Disconnect(w.now, Ending{})
	if rapid.IntRange(0, 2).Draw(t, "stay away") > 0 {
		w.reconnect(uint16(rapid.IntRange(1, 6).Draw(t, "receive maximum")))
	}
}

func (w *world) reconnect(window uint16) {
	w.s.Connect(w.now, Peer{Version: packet.Version311, Expiry: Never, ReceiveMaximum: window})
}

// kill takes the process and what it had not written, or some of it.
func (w *world) kill(t *rapid.T) {
	w.toClient, w.toServer = nil, nil
	w.replay(t, rapid.IntRange(w.written, len(w.ops)).Draw(t, "cut"))
}

func (w *world) replay(t *rapid.T, cut int) {
	s, err := Restore(w.base, w.base.At, w.o)
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range w.ops[:cut] {
		if err := s.Apply(op); err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
	}
	w.ops, w.written = w.ops[:cut], cut
	s.Recover(w.now) // which the next kill may take, too
	w.s = s
}

// finish lets everything reach the client without further trouble.
func (w *world) finish(t *rapid.T) {
	for range len(w.unsent) {
		w.sendAgain(t)
	}
	w.toClient, w.toServer = nil, nil
	w.reconnect(3)
	for idle := 0; idle < 2; idle++ {
		w.write()
		for out, ok := w.s.Next(w.now); ok; out, ok = w.s.Next(w.now) {
			w.toClient, idle = append(w.toClient, out), 0
		}
		for len(w.toClient) > 0 || len(w.toServer) > 0 {
			w.client(t)
			w.server(t)
		}
	}
	if size := w.s.Size(); size.Inflight+size.Queue > 0 || len(w.holds) > 0 {
		t.Fatalf("not at rest: %+v, the client holds %d", size, len(w.holds))
	}
}
