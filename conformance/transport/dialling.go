package transport

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// wantDial dials and checks how that fails.
func (r *rig) wantDial(ctx context.Context, addr string, want, never error) {
	r.Helper()
	t := r.transports(1)[0]
	_, err := within(r, "Dial", func() (transport.Link, error) { return t.Dial(ctx, addr) })
	r.wantError("Dial", err, want)
	if errors.Is(err, never) {
		r.Errorf("Dial ended with %v, which wraps %q too", err, never)
	}
	if err != nil && !strings.Contains(err.Error(), addr) {
		r.Errorf("the error %q does not name the address %q", err, addr)
	}
}

func dialRefused(r *rig) {
	r.wantDial(r.context(), r.h.Refused(r.TB), transport.ErrRefused, transport.ErrUnreachable)
}

func dialUnreachable(r *rig) {
	ctx, cancel := context.WithTimeout(r.context(), 100*time.Millisecond)
	defer cancel()
	r.wantDial(ctx, r.h.Silent(r.TB), transport.ErrUnreachable, transport.ErrRefused)
}

func dialCancel(r *rig) {
	ctx, cancel := context.WithCancel(context.Background())
	t, addr := r.transports(1)[0], r.h.Silent(r.TB)
	dialling := spawn(func() (transport.Link, error) { return t.Dial(ctx, addr) })
	r.linger()
	cancel()
	_, err := wait(r, "Dial", dialling)
	r.wantError("Dial", err, context.Canceled)
	_, err = within(r, "Dial", func() (transport.Link, error) { return t.Dial(ctx, addr) })
	r.wantError("Dial with a cancelled context", err, context.Canceled)
}

func acceptCancel(r *rig) {
	ts := r.transports(2)
	ctx, cancel := context.WithCancel(context.Background())
	accepting := spawn(func() (transport.Link, error) { return ts[1].Accept(ctx) })
	r.linger()
	cancel()
	_, err := wait(r, "Accept", accepting)
	r.wantError("Accept", err, context.Canceled)
	a, b := r.connect(ts[0], ts[1])
	r.pass(a, b, []byte("after a cancelled Accept"))
}

// acceptBound dials some links too many and counts those that end although
// nobody accepted anything. A transport may refuse in Dial or end the link
// right after it.
func acceptBound(r *rig) {
	const extra = 8
	ts := r.transports(2)
	total := r.h.MaxPending + extra
	ended := make(chan error, total)
	for range total {
		l, err := within(r, "Dial", func() (transport.Link, error) { return ts[0].Dial(r.context(), ts[1].Addr()) })
		if err != nil {
			ended <- err
			continue
		}
		go func() {
			_, err := l.Receive()
			ended <- err
		}()
	}
	r.awaitRefusals(ended, extra)
	for range r.h.MaxPending {
		if _, err := within(r, "Accept", func() (transport.Link, error) { return ts[1].Accept(r.context()) }); err != nil {
			r.Fatalf("Accept of a link within the bound: %v", err)
		}
	}
	a, b := r.connect(ts[0], ts[1])
	r.pass(a, b, []byte("room again"))
}

// awaitRefusals reads n errors, each of which must be a refusal.
func (r *rig) awaitRefusals(ended <-chan error, n int) {
	r.Helper()
	limit := time.NewTimer(r.h.Patience)
	defer limit.Stop()
	for i := range n {
		select {
		case err := <-ended:
			if !isRefusal(err) {
				r.Errorf("a link too many ended with %v", err)
			}
		case <-limit.C:
			r.Fatalf("only %d of %d links beyond the bound of %d were refused", i, n, r.h.MaxPending)
		}
	}
}

// isRefusal reports whether a link too many may end so. ErrRefused is not
// asked for: it would say that nobody listens there.
func isRefusal(err error) bool {
	return errors.Is(err, transport.ErrClosed) || errors.Is(err, transport.ErrRefused) ||
		errors.Is(err, transport.ErrUnreachable)
}

// manyLinks joins three transports with many links, all in use at once. Each
// accepted end answers with what it hears.
func manyLinks(r *rig) {
	const each = 20
	ts := r.transports(3)
	var calls []<-chan result[struct{}]
	for i := range each * len(ts) {
		from, to := ts[i%3], ts[(i+1+i/3%2)%3]
		asking, answering := r.connect(from, to)
		go answer(answering)
		calls = append(calls, spawn(func() (struct{}, error) { return struct{}{}, ask(asking, i) }))
	}
	for _, call := range calls {
		if _, err := wait(r, "an exchange on one of many links", call); err != nil {
			r.Errorf("many links: %v", err)
		}
	}
}

func answer(l transport.Link) {
	for {
		frame, err := l.Receive()
		if err != nil || l.Send(frame) != nil {
			_ = l.Close()
			return
		}
	}
}

// ask sends number and what follows from it, and wants the same back.
func ask(l transport.Link, number int) error {
	defer func() { _ = l.Close() }()
	for i := range 100 {
		want := numbered(number*1000 + i)
		if err := l.Send(want); err != nil {
			return err
		}
		got, err := l.Receive()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return errors.New("a link carried another link's frame")
		}
	}
	return nil
}
