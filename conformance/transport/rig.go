package transport

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// rig is what a case works with: the test, and the transports under test.
type rig struct {
	testing.TB
	h Harness
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

// deliver sends frames beside the case; on a transport that may lose them,
// again and again. stop ends that and returns the first error of Send.
func (r *rig) deliver(l transport.Link, frames ...[]byte) (stop func() error) {
	again := make(chan struct{})
	sending := spawn(func() (struct{}, error) {
		for {
			if err := l.Send(frames...); err != nil || r.h.Reliable {
				return struct{}{}, err
			}
			select {
			case <-again:
				return struct{}{}, nil
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return sync.OnceValue(func() error {
		close(again)
		_, err := wait(r, "Send", sending)
		return err
	})
}

// receive returns a copy of the next frame.
func (r *rig) receive(l transport.Link) []byte {
	r.Helper()
	frame, err := within(r, "Receive", l.Receive)
	if err != nil {
		r.Fatalf("Receive: %v", err)
	}
	return bytes.Clone(frame)
}

// pass carries one frame from one end to the other and checks that it arrives
// unchanged. Where frames may be lost, reordered or doubled, one of earlier
// calls may come first; those are told by their length.
func (r *rig) pass(from, to transport.Link, frame []byte) {
	r.Helper()
	stop := r.deliver(from, frame)
	got := r.receive(to)
	for (!r.h.Reliable || !r.h.Ordered) && len(got) != len(frame) {
		got = r.receive(to)
	}
	if !bytes.Equal(got, frame) {
		r.Fatalf("a frame of %d bytes arrived changed, with %d bytes", len(frame), len(got))
	}
	if err := stop(); err != nil {
		r.Fatalf("Send: %v", err)
	}
}

// wantReceive checks that Receive ends with that error. Frames that were
// under way before may come first unless none may.
func (r *rig) wantReceive(l transport.Link, want error) {
	r.Helper()
	_, err := within(r, "Receive", func() (struct{}, error) {
		for {
			if _, err := l.Receive(); err != nil {
				return struct{}{}, err
			}
		}
	})
	r.wantError("Receive", err, want)
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
