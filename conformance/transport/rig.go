package transport

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// rig is what a case works with: the test, and the transports under test.
type rig struct {
	testing.TB
	h     Harness
	pulls map[transport.Link]<-chan result[[]byte]
}

// transports makes n and closes them when the case ends.
func (r *rig) transports(n int) []transport.Transport {
	r.Helper()
	ts := r.h.New(r.TB, n)
	if len(ts) != n {
		r.Fatalf("the harness made %d transports instead of %d", len(ts), n)
	}
	for _, t := range ts {
		r.Cleanup(func() { _ = t.Close() })
	}
	return ts
}

// context ends after the suite's patience.
func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), r.h.Patience)
	r.Cleanup(cancel)
	return ctx
}

// within runs f and returns what it returned, or fails the case when it does
// not return in time.
func within[T any](r *rig, what string, f func() (T, error)) (T, error) {
	r.Helper()
	return wait(r, what, spawn(f))
}

// result is what a call returned.
type result[T any] struct {
	value T
	err   error
}

// spawn runs f beside the case.
func spawn[T any](f func() (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		v, err := f()
		done <- result[T]{v, err}
	}()
	return done
}

// wait returns what a spawned call returned.
func wait[T any](r *rig, what string, done <-chan result[T]) (value T, err error) {
	r.Helper()
	limit := time.NewTimer(r.h.Patience)
	defer limit.Stop()
	select {
	case got := <-done:
		return got.value, got.err
	case <-limit.C:
		r.Fatalf("%s did not return within %v", what, r.h.Patience)
		return value, nil // not reached
	}
}

// linger gives calls that were just started the time to block. A correct
// transport passes without it; a wrong one is found out more surely.
func (r *rig) linger() {
	<-time.After(20 * time.Millisecond)
}

// pair makes two transports and a link between them.
func (r *rig) pair() (a, b transport.Link) {
	r.Helper()
	ts := r.transports(2)
	return r.connect(ts[0], ts[1])
}

// connect dials from one transport to another and accepts there.
func (r *rig) connect(from, to transport.Transport) (dialled, accepted transport.Link) {
	r.Helper()
	ctx := r.context()
	accepting := spawn(func() (transport.Link, error) { return to.Accept(ctx) })
	dialled, err := within(r, "Dial", func() (transport.Link, error) { return from.Dial(ctx, to.Addr()) })
	if err != nil {
		r.Fatalf("Dial(%q): %v", to.Addr(), err)
	}
	accepted, err = wait(r, "Accept", accepting)
	if err != nil {
		r.Fatalf("Accept: %v", err)
	}
	return dialled, accepted
}

// pull returns the Receive that is under way on l, or starts one. Every case
// that may have left one behind receives through it, since a link takes one
// caller at a time.
func (r *rig) pull(l transport.Link) <-chan result[[]byte] {
	if r.pulls[l] == nil {
		r.pulls[l] = spawn(func() ([]byte, error) {
			frame, err := l.Receive()
			return bytes.Clone(frame), err
		})
	}
	return r.pulls[l]
}

// next returns what the next Receive returns; the frame is a copy.
func (r *rig) next(l transport.Link) ([]byte, error) {
	r.Helper()
	defer delete(r.pulls, l)
	return wait(r, "Receive", r.pull(l))
}

// receive returns a copy of the next frame.
func (r *rig) receive(l transport.Link) []byte {
	r.Helper()
	frame, err := r.next(l)
	if err != nil {
		r.Fatalf("Receive: %v", err)
	}
	return frame
}

// pass carries one frame from one end to the other and checks that it arrives
// unchanged. Where frames may be lost, reordered or doubled, one of earlier
// calls may come first; those are told by their length.
func (r *rig) pass(from, to transport.Link, frame []byte) {
	r.Helper()
	err := r.exchange(from, to, frame, func(got []byte, err error) bool {
		switch {
		case err != nil:
			r.Fatalf("Receive: %v", err)
		case bytes.Equal(got, frame):
			return true
		case r.h.Reliable && r.h.Ordered || len(got) == len(frame):
			r.Fatalf("a frame of %d bytes arrived changed, with %d bytes", len(frame), len(got))
		}
		return false
	})
	if err != nil {
		r.Fatalf("Send: %v", err)
	}
}

// exchange sends frame and receives until arrived says so. A transport that
// may lose frames sends it again and again, and receives for as long as Send
// may have to wait for that. It returns the first error of Send.
func (r *rig) exchange(from, to transport.Link, frame []byte, arrived func([]byte, error) bool) (failed error) {
	r.Helper()
	send := func() (struct{}, error) { return struct{}{}, from.Send(frame) }
	limit, again := time.NewTimer(r.h.Patience), time.NewTicker(20*time.Millisecond)
	defer limit.Stop()
	defer again.Stop()
	sending, done := spawn(send), false
	for !done || sending != nil {
		var pulling <-chan result[[]byte]
		if !done || !r.h.Reliable {
			pulling = r.pull(to)
		}
		select {
		case got := <-pulling:
			delete(r.pulls, to)
			done = done || arrived(got.value, got.err)
		case sent := <-sending:
			sending, failed = nil, sent.err
		case <-again.C:
			if !r.h.Reliable && !done && sending == nil && failed == nil {
				sending = spawn(send)
			}
		case <-limit.C:
			r.Fatalf("a frame of %d bytes did not arrive within %v", len(frame), r.h.Patience)
		}
	}
	return failed
}

// wantReceive checks that Receive ends with that error, perhaps after frames
// that were under way before.
func (r *rig) wantReceive(l transport.Link, want error) {
	r.Helper()
	for range 1000 {
		if _, err := r.next(l); err != nil {
			r.wantError("Receive", err, want)
			return
		}
	}
	r.Errorf("Receive returns frame after frame; want an error that wraps %q", want)
}

// wantSend checks that Send of one byte ends with that error.
func (r *rig) wantSend(l transport.Link, want error) {
	r.Helper()
	_, err := within(r, "Send", func() (struct{}, error) { return struct{}{}, l.Send([]byte{1}) })
	r.wantError("Send", err, want)
}

func (r *rig) wantError(what string, err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("%s ended with %v; want an error that wraps %q", what, err, want)
	}
}

// closed checks that Close returns nil in time.
func (r *rig) closed(c interface{ Close() error }) {
	r.Helper()
	_, err := within(r, "Close", func() (struct{}, error) { return struct{}{}, c.Close() })
	if err != nil {
		r.Errorf("Close returned %v; want nil", err)
	}
}

// sample returns n bytes that differ from seed to seed.
func sample(n int, seed uint64) []byte {
	frame := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(frame)
	return frame
}
