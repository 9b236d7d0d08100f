package nats

import client "github.com/nats-io/nats.go"

// maxNotes bounds the packets without a body that wait to be published. One
// that does not fit is dropped and counted: each is repeated, or asked for
// again, by whoever misses it.
const maxNotes = 4096

// note is a packet without a body, on its way.
type note struct {
	subject, reply string
	packet         []byte
}

// note queues a packet for a node; it never blocks.
func (t *Transport) note(to uid, p packet, reply string) {
	t.queue(note{subject: t.base + to.String() + "." + controlToken, reply: reply, packet: p.control()})
}

func (t *Transport) queue(n note) {
	select {
	case t.outbox <- n:
	default:
		t.add(func(c *counts) { c.crowded++ })
	}
}

// tell is the goroutine that publishes the outbox. It alone waits for a server
// that does not read, so that nothing else does.
func (t *Transport) tell() {
	for {
		select {
		case n := <-t.outbox:
			t.publish(n)
		case <-t.hush:
			for len(t.outbox) > 0 {
				t.publish(<-t.outbox)
			}
			return
		}
	}
}

func (t *Transport) publish(n note) {
	if !t.up.Load() {
		t.add(func(c *counts) { c.offline++ })
		return
	}
	m := client.Msg{Subject: n.subject, Reply: n.reply, Data: n.packet}
	if t.conn.PublishMsg(&m) != nil {
		t.add(func(c *counts) { c.offline++ })
	}
}
