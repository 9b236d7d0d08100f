package nats

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

const (
	// dialEvery is how often a dial is repeated, since it may be lost.
	dialEvery = 150 * time.Millisecond
	// refusedAfter is for how long the server must say that nobody hears the
	// node before a dial is refused. A node whose own connection is being
	// moved to another server is unheard for less, and nobody may take three
	// such answers for its end.
	refusedAfter = 600 * time.Millisecond
)

// Dial opens a link to the node with the uid addr.
func (t *Transport) Dial(ctx context.Context, addr string) (transport.Link, error) {
	l, err := t.dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return l, nil
}

func (t *Transport) dial(ctx context.Context, addr string) (*link, error) {
	peer, err := parseUID(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	if ctx.Err() != nil {
		return nil, t.ended(ctx)
	}
	l := newLink(t, linkKey{peer: peer, id: random(), dialled: true})
	switch refusal := t.adopt(l); {
	case t.life.Err() != nil:
		return nil, transport.ErrClosed
	case refusal != "":
		return nil, fmt.Errorf("%w: %s", transport.ErrUnreachable, refusal)
	}
	if err := t.await(ctx, l); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// await asks again and again until the peer has answered.
func (t *Transport) await(ctx context.Context, l *link) error {
	again := time.NewTicker(dialEvery)
	defer again.Stop()
	var unheard time.Time // since then
	t.ask(l)
	for {
		select {
		case <-l.opened:
			return nil
		case answer := <-l.answer:
			if answer == kindRefuse {
				return fmt.Errorf("%w: too many links wait there", transport.ErrUnreachable)
			}
			if unheard.IsZero() {
				unheard = time.Now()
			} else if time.Since(unheard) >= refusedAfter {
				return fmt.Errorf("%w: no node hears that subject", transport.ErrRefused)
			}
		case <-again.C:
			t.ask(l)
		case <-l.done:
			return l.unopened()
		case <-ctx.Done():
			return t.ended(ctx)
		case <-t.life.Done():
			return transport.ErrClosed
		}
	}
}

// ask publishes the dial. The server answers on a subject of our own when
// nobody hears it.
func (t *Transport) ask(l *link) {
	if t.up.Load() {
		p := packet{kind: kindDial, dialler: true, from: t.uid, link: l.key.id}
		t.note(l.key.peer, p, t.base+t.uid.String()+fmt.Sprintf(".%016x", l.key.id))
	}
}

// unopened is why a dialled link ended before it was accepted.
func (l *link) unopened() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.cause, errHere) {
		return transport.ErrClosed
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, l.cause)
}

// accepted lets a dial go on.
func (l *link) accepted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opening {
		l.opening = false
		close(l.opened)
	}
}

// ended tells a caller that gave up from a node that did not answer, and that
// from a server that is not there.
func (t *Transport) ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if !t.up.Load() {
		return fmt.Errorf("%w: %w: %w", transport.ErrUnreachable, errOffline, ctx.Err())
	}
	return fmt.Errorf("%w: %w", transport.ErrUnreachable, ctx.Err())
}

// Accept returns the next link dialled from outside.
func (t *Transport) Accept(ctx context.Context) (transport.Link, error) {
	if t.life.Err() != nil { // before pending: nothing is accepted after Close
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
	select {
	case l := <-t.pending:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.waiting[l.key.peer]--; t.waiting[l.key.peer] == 0 {
			delete(t.waiting, l.key.peer)
		}
		return l, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("accept: %w", ctx.Err())
	case <-t.life.Done():
		return nil, fmt.Errorf("accept: %w", transport.ErrClosed)
	}
}

// random returns a number that nobody can guess.
func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:])
}
