package transport

import (
	"context"
	"errors"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"go.uber.org/goleak"
)

func closeUnblocksReceive(r *rig) {
	a, _ := r.pair()
	receiving := spawn(a.Receive)
	r.linger()
	r.closed(a)
	_, err := wait(r, "Receive", receiving)
	r.wantError("Receive", err, transport.ErrClosed)
	r.wantSend(a, transport.ErrClosed)
}

func peerClose(r *rig) {
	a, b := r.pair()
	receiving := spawn(a.Receive)
	r.linger()
	r.closed(b)
	_, err := wait(r, "Receive", receiving)
	r.wantError("Receive", err, transport.ErrClosed)
	r.wantSend(a, transport.ErrClosed)
}

// flood sends until it fails, or for as much as no queue should hold. moved
// hears of every frame.
func flood(l transport.Link, moved chan<- struct{}) (struct{}, error) {
	const most = 128 << 20
	frame := make([]byte, 64<<10)
	for range most / len(frame) {
		if err := l.Send(frame); err != nil {
			return struct{}{}, err
		}
		select {
		case moved <- struct{}{}:
		default:
		}
	}
	return struct{}{}, errors.New("it took 128 MiB that nobody reads and still did not end")
}

// stall waits until a flood stands still, or is deep in frames.
func (r *rig) stall(moved <-chan struct{}) {
	for range 1000 {
		select {
		case <-moved:
		case <-time.After(20 * time.Millisecond):
			return
		}
	}
}

// closeDuringFlood closes one end while Send waits at the other, or at the
// same, and checks that Send ends.
func (r *rig) closeDuringFlood(sender, closer transport.Link) {
	r.Helper()
	moved := make(chan struct{}, 1)
	sending := spawn(func() (struct{}, error) { return flood(sender, moved) })
	r.stall(moved)
	r.closed(closer)
	_, err := wait(r, "Send", sending)
	r.wantError("Send", err, transport.ErrClosed)
}

func closeUnblocksSend(r *rig) {
	a, _ := r.pair()
	r.closeDuringFlood(a, a)
}

func peerCloseUnblocksSend(r *rig) {
	a, b := r.pair()
	r.closeDuringFlood(a, b)
}

func noFrameAfterClose(r *rig) {
	a, b := r.pair()
	sending := spawn(func() (struct{}, error) {
		for {
			if err := a.Send([]byte("one"), []byte("two"), []byte("three")); err != nil {
				return struct{}{}, err
			}
		}
	})
	for range 10 {
		r.receive(b)
	}
	r.closed(b)
	for range 3 {
		frame, err := within(r, "Receive", b.Receive)
		if err == nil {
			r.Fatalf("Receive returned a frame of %d bytes after Close", len(frame))
		}
		r.wantError("Receive", err, transport.ErrClosed)
	}
	_, err := wait(r, "Send", sending)
	r.wantError("Send", err, transport.ErrClosed)
}

func closeTwice(r *rig) {
	ts := r.transports(2)
	a, b := r.connect(ts[0], ts[1])
	for _, c := range []interface{ Close() error }{a, b, ts[0], ts[1]} {
		first := spawn(func() (struct{}, error) { return struct{}{}, c.Close() })
		r.closed(c)
		if _, err := wait(r, "Close", first); err != nil {
			r.Errorf("Close at the same time returned %v; want nil", err)
		}
		r.closed(c)
	}
}

func transportClose(r *rig) {
	ts := r.transports(2)
	a, b := r.connect(ts[0], ts[1])
	waiting, err := ts[0].Dial(r.context(), ts[1].Addr())
	if err != nil {
		r.Fatalf("Dial: %v", err)
	}
	r.closed(ts[1])
	for _, l := range []transport.Link{a, b, waiting} {
		r.wantReceive(l, transport.ErrClosed)
	}
	_, err = within(r, "Accept", func() (transport.Link, error) { return ts[1].Accept(r.context()) })
	r.wantError("Accept after Close", err, transport.ErrClosed)
	_, err = within(r, "Dial", func() (transport.Link, error) { return ts[1].Dial(r.context(), ts[0].Addr()) })
	r.wantError("Dial after Close", err, transport.ErrClosed)
}

func transportCloseUnblocks(r *rig) {
	t := r.transports(1)[0]
	addr := r.h.Silent(r.TB)
	ctx := context.Background() // the suite's own would end the calls as well
	accepting := spawn(func() (transport.Link, error) { return t.Accept(ctx) })
	dialling := spawn(func() (transport.Link, error) { return t.Dial(ctx, addr) })
	r.linger()
	r.closed(t)
	_, err := wait(r, "Accept", accepting)
	r.wantError("Accept", err, transport.ErrClosed)
	_, err = wait(r, "Dial", dialling)
	r.wantError("Dial", err, transport.ErrClosed)
}

func noGoroutineLeft(r *rig) {
	before := goleak.IgnoreCurrent()
	ts := r.transports(3)
	for _, to := range ts[1:] {
		a, b := r.connect(ts[0], to)
		r.pass(a, b, []byte("there"))
		r.pass(b, a, []byte("and back"))
	}
	for _, t := range ts {
		r.closed(t)
	}
	if err := goleak.Find(before); err != nil {
		r.Errorf("after Close: %v", err)
	}
}
