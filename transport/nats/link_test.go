package nats

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
	client "github.com/nats-io/nats.go"
)

// data is a data packet that the dialler of l's peer sends to it.
func (l *link) data(number uint64, body []byte) packet {
	return packet{kind: kindData, dialler: !l.key.dialled, from: l.key.peer, link: l.key.id, number: number, body: body}
}

// A link that lost a packet ends on both sides; nothing behind the loss is
// received.
func TestLossEndsTheLink(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, to := pair(t, a, b)
	pass(t, from, to, "before")
	from.mu.Lock()
	from.numbers++ // as if one had been published
	from.mu.Unlock()
	sendUntold(t, from, "behind the loss")
	wantEnd(t, to, "lost")
	wantEnd(t, from, "lost")
	if got := b.Stats().Lost; got != 1 {
		t.Errorf("%d lost", got)
	}
}

// A loss with nothing behind it is found out when the sender waits for credit.
func TestLossOfTheLast(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, to := pair(t, a, b)
	from.mu.Lock()
	from.numbers++
	from.sent = from.allowed
	from.mu.Unlock()
	if err := from.Send([]byte("waits")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send: %v", err)
	}
	wantEnd(t, to, "lost")
}

func TestDoublesArePassedOver(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, to := pair(t, a, b)
	pass(t, from, to, "first")
	b.onLink(to.data(1, []byte("again, and other bytes")))
	pass(t, from, to, "second")
	if got := b.Stats().Doubled; got != 1 {
		t.Errorf("%d doubled", got)
	}
}

// A peer that sends more than it may loses the link; what was held stays
// within the window.
func TestOverrun(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, to := pair(t, a, b)
	part := make([]byte, 16<<10-packetCost)
	for n := range uint64(4) {
		b.onLink(to.data(n+1, part))
	}
	if to.arrived != firstWindow {
		t.Fatalf("%d bytes arrived", to.arrived)
	}
	b.onLink(to.data(5, []byte{1}))
	wantEnd(t, to, "more than it may")
	wantEnd(t, from, "lost")
	if got := b.Stats().Overrun; got != 1 {
		t.Errorf("%d overruns", got)
	}
}

// Credit that a peer makes up cannot turn the sender's own arithmetic.
func TestForgedCredit(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, to := pair(t, a, b)
	to.SetLimit(1024)
	from.allow(1<<64 - 1)
	from.allow(0)
	if err := from.Send(make([]byte, 100<<10)); err != nil && !errors.Is(err, transport.ErrClosed) {
		t.Fatal(err)
	}
	wantEnd(t, to, "more than it may")
}

// A process that was killed has said nothing; its successor tells the peers,
// when they send on, that their links are gone.
func TestSuccessor(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	from, _ := pair(t, a, b)
	b.up.Store(false) // what its close would say reaches nobody
	_ = b.Close()
	c := listen(t, 2, s)
	sendUntold(t, from, "hello?")
	wantEnd(t, from, "")
	from, to := pair(t, a, c)
	pass(t, from, to, "a new link")
}

// Frames of any length, over a server that takes short messages only.
func TestSmallMaxPayload(t *testing.T) {
	s := natstest.Start(t, maxPayload(4096))
	from, to := pair(t, listen(t, 1, s), listen(t, 2, s))
	text := strings.Repeat("0123456789", 50_000)
	sent := make(chan error, 1)
	go func() { sent <- from.Send([]byte(text), nil, []byte("end")) }()
	for _, want := range []string{text, "", "end"} {
		if got, err := to.Receive(); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// A dial to everybody opens no link: it belongs on the subject of one node.
func TestOnlyHelloIsForEverybody(t *testing.T) {
	s := natstest.Start(t)
	b := listen(t, 2, s)
	c, err := client.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dial := packet{kind: kindDial, dialler: true, from: uid{1}, link: 1}
	if err := c.Publish(b.base+helloToken, dial.control()); err != nil {
		t.Fatal(err)
	}
	until(t, "the dial is counted", func() bool { return b.Stats().Malformed == 1 })
	if st := b.Stats(); st.Links != 0 || st.Pending != 0 {
		t.Errorf("%+v", st)
	}
}

// What strangers publish on our subjects is counted, and costs nothing else.
func TestHostileMessages(t *testing.T) {
	s := natstest.Start(t)
	var heard log
	a, b := listen(t, 1, s), listen(t, 2, s, heard.option, func(o *Options) { o.MaxPending = 10 })
	from, to := pair(t, a, b)
	c, err := client.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rnd := rand.New(rand.NewChaCha8([32]byte{1}))
	const total = 20_000
	for i := range total {
		junk := make([]byte, rnd.IntN(200))
		for j := range junk {
			junk[j] = byte(rnd.Uint32())
		}
		if i%2 == 0 && len(junk) >= headerBytes { // a packet by its form
			junk[0], junk[1], junk[2] = version, byte(1+rnd.IntN(9)), junk[2]&flagDialler
			if kind(junk[1]) != kindData {
				junk = junk[:headerBytes]
			}
		}
		token := []string{"dial", "0", "7", "x", "hello"}[i%5]
		if err := c.Publish(b.base+b.Addr()+"."+token, junk); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	pass(t, from, to, "unharmed")
	st := b.Stats()
	if st.Malformed == 0 || st.Stray == 0 || st.RefusedFull == 0 || st.Links != 11 || st.Pending != 10 {
		t.Errorf("%+v", st)
	}
	if n := strings.Count(heard.String(), "no packet of muster"); n != 1 {
		t.Errorf("%d lines of log", n)
	}
}
