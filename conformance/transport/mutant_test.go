package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/mem"
)

// TestMutants breaks a good transport in one way after another; each must
// fail the cases meant for it and no other. On virtual time the suite's
// patience ends when nothing moves any more, and never before.
func TestMutants(t *testing.T) {
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(m.fails, failing(t, m)); diff != "" {
				t.Errorf("failing cases (- want, + got):\n%s", diff)
			}
		})
	}
}

// mutant is one fault, as wrappers of what is healthy.
type mutant struct {
	fails      []string
	link       func(transport.Link) transport.Link
	transport  func(transport.Transport) transport.Transport
	maxPending int
}

var mutants = map[string]mutant{
	"none": {},
	"each end has an exporter of its own": {
		fails: []string{"binding"},
		link: func(l transport.Link) transport.Link {
			return &bound{Link: l, exporter: []byte(l.Info().Local)}
		},
	},
	"all links have one exporter": {
		fails: []string{"binding"},
		link:  func(l transport.Link) transport.Link { return &bound{Link: l, exporter: []byte("x")} },
	},
	"flips a bit in long frames": {
		fails: []string{"frames-intact"},
		link:  func(l transport.Link) transport.Link { return &flipping{l} },
	},
	"swaps frames that are sent together": {
		fails: []string{"order"},
		link:  func(l transport.Link) transport.Link { return &swapping{l} },
	},
	"keeps the sender's bytes until the next Send": {
		fails: []string{"sender-reuses"},
		link:  func(l transport.Link) transport.Link { return &lazy{Link: l} },
	},
	"reuses one buffer while sending": {
		fails: []string{"receiver-owns"},
		link:  func(l transport.Link) transport.Link { return &spoiling{Link: l} },
	},
	"ignores SetLimit": {
		fails: []string{"receive-limit"},
		link:  func(l transport.Link) transport.Link { return &unlimited{l} },
	},
	"never raises the limit": {
		fails: []string{"limit-raised"},
		link:  func(l transport.Link) transport.Link { return &lowering{Link: l, limit: transport.MaxFrame} },
	},
	"delivers a frame after Close": {
		fails: []string{"no-frame-after-close"},
		link:  func(l transport.Link) transport.Link { return &hoarding{Link: l} },
	},
	"Close does nothing": {
		fails: []string{"close-unblocks-receive", "peer-close", "close-unblocks-send", "peer-close-unblocks-send",
			"no-frame-after-close"},
		link: func(l transport.Link) transport.Link { return &idle{l} },
	},
	"a transport's Close leaves what waits": {
		fails:     []string{"transport-close", "transport-close-unblocks"},
		transport: func(t transport.Transport) transport.Transport { return &loose{Transport: t} },
	},
	"second Close fails": {
		fails: []string{"close-twice"},
		link:  func(l transport.Link) transport.Link { return &once{Link: l} },
	},
	"Dial ignores its context": {
		fails:     []string{"dial-unreachable", "dial-cancel"},
		transport: func(t transport.Transport) transport.Transport { return &stubborn{t} },
	},
	"Dial calls every failure unreachable": {
		fails:     []string{"dial-refused"},
		transport: func(t transport.Transport) transport.Transport { return &vague{t} },
	},
	"holds any number of waiting links": {
		fails: []string{"accept-bound"}, maxPending: 10_000,
	},
	"leaves a goroutine behind": {
		fails:     []string{"no-goroutine-left"},
		transport: func(t transport.Transport) transport.Transport { return &leaking{t} },
	},
}

type bound struct {
	transport.Link
	exporter []byte
}

func (l *bound) Info() transport.Info {
	i := l.Link.Info()
	i.Exporter = l.exporter
	return i
}

type flipping struct{ transport.Link }

func (l *flipping) Receive() ([]byte, error) {
	frame, err := l.Link.Receive()
	if len(frame) == 65537 {
		frame[65536] ^= 1
	}
	return frame, err
}

type swapping struct{ transport.Link }

func (l *swapping) Send(frames ...[]byte) error {
	if len(frames) > 50 {
		frames = slices.Clone(frames)
		frames[0], frames[1] = frames[1], frames[0]
	}
	return l.Link.Send(frames...)
}

// careless loses every third frame and doubles the one after it.
type careless struct {
	transport.Link
	sent int
}

func (l *careless) Send(frames ...[]byte) error {
	for _, f := range frames {
		l.sent++
		copies := [][][]byte{{f}, {}, {f, f}}[l.sent%3]
		if len(f) > transport.MaxFrame {
			copies = [][]byte{f}
		}
		if err := l.Link.Send(copies...); err != nil {
			return err
		}
	}
	return nil
}

// lazy holds every tenth frame of 1000 bytes back until the next one comes.
type lazy struct {
	transport.Link
	sent int
	held []byte
}

func (l *lazy) Send(frames ...[]byte) error {
	if len(frames) != 1 || len(frames[0]) != 1000 {
		return l.Link.Send(frames...)
	}
	if l.sent++; l.sent%10 == 5 {
		l.held = frames[0]
		return nil
	}
	if l.held != nil {
		frames = [][]byte{l.held, frames[0]}
		l.held = nil
	}
	return l.Link.Send(frames...)
}

type spoiling struct {
	transport.Link
	mu   sync.Mutex
	last []byte
}

func (l *spoiling) Receive() ([]byte, error) {
	frame, err := l.Link.Receive()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = frame
	return frame, err
}

func (l *spoiling) Send(frames ...[]byte) error {
	l.mu.Lock()
	if len(frames) == 1 && bytes.Equal(frames[0], []byte("meanwhile")) {
		copy(l.last, "scribble")
	}
	l.mu.Unlock()
	return l.Link.Send(frames...)
}

type unlimited struct{ transport.Link }

func (l *unlimited) SetLimit(int) {}

type lowering struct {
	transport.Link
	limit int
}

func (l *lowering) SetLimit(n int) {
	l.limit = min(l.limit, n)
	l.Link.SetLimit(l.limit)
}

// hoarding returns its last frame once more after Close.
type hoarding struct {
	transport.Link
	last []byte
}

func (l *hoarding) Receive() ([]byte, error) {
	frame, err := l.Link.Receive()
	if err != nil && bytes.Equal(l.last, []byte("one")) {
		last := l.last
		l.last = nil
		return last, nil
	}
	l.last = bytes.Clone(frame)
	return frame, err
}

type idle struct{ transport.Link }

func (l *idle) Close() error { return nil }

// loose ends no link and no call that is under way.
type loose struct {
	transport.Transport
	closed atomic.Bool
}

func (t *loose) Close() error {
	t.closed.Store(true)
	return nil
}

func (t *loose) Accept(ctx context.Context) (transport.Link, error) {
	if t.closed.Load() {
		return nil, transport.ErrClosed
	}
	return t.Transport.Accept(ctx)
}

func (t *loose) Dial(ctx context.Context, addr string) (transport.Link, error) {
	if t.closed.Load() {
		return nil, transport.ErrClosed
	}
	return t.Transport.Dial(ctx, addr)
}

type once struct {
	transport.Link
	mu     sync.Mutex
	closed bool
}

func (l *once) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("closed already")
	}
	l.closed = true
	return l.Link.Close()
}

type stubborn struct{ transport.Transport }

func (t *stubborn) Dial(_ context.Context, addr string) (transport.Link, error) {
	return t.Transport.Dial(context.Background(), addr)
}

type vague struct{ transport.Transport }

func (t *vague) Dial(ctx context.Context, addr string) (transport.Link, error) {
	l, err := t.Transport.Dial(ctx, addr)
	if errors.Is(err, transport.ErrRefused) {
		err = fmt.Errorf("dial %s: %w", addr, transport.ErrUnreachable)
	}
	return l, err
}

// leaking starts a goroutine in Close that outlives it by a minute.
type leaking struct{ transport.Transport }

func (t *leaking) Close() error {
	go func() { <-time.After(time.Minute) }()
	return t.Transport.Close()
}

// broken applies a mutant to what Dial and Accept return.
type broken struct {
	transport.Transport
	m mutant
}

func (b *broken) Dial(ctx context.Context, addr string) (transport.Link, error) {
	return b.wrap(b.Transport.Dial(ctx, addr))
}

func (b *broken) Accept(ctx context.Context) (transport.Link, error) {
	return b.wrap(b.Transport.Accept(ctx))
}

func (b *broken) wrap(l transport.Link, err error) (transport.Link, error) {
	if err != nil || b.m.link == nil {
		return l, err
	}
	return b.m.link(l), nil
}

func mutantHarness(m mutant) Harness {
	const pending = 8
	net := mem.NewNetwork(mem.Options{MaxPending: max(pending, m.maxPending)})
	made := 0
	return Harness{
		New: func(t testing.TB, n int) []transport.Transport {
			var all []transport.Transport
			for range n {
				made++
				addr := fmt.Sprint("n", made)
				net.Cut(addr, "silent")
				healthy := net.Endpoint(addr)
				t.Cleanup(func() { _ = healthy.Close() })
				var one transport.Transport = &broken{healthy, m}
				if m.transport != nil {
					one = m.transport(one)
				}
				all = append(all, one)
			}
			return all
		},
		Refused: func(testing.TB) string { return "nobody" }, Silent: func(testing.TB) string { return "silent" },
		MaxPending: pending, Reliable: true, Ordered: true,
	}
}

// failing returns the names of the cases that fail for m.
func failing(t *testing.T, m mutant) []string {
	var names []string
	for _, c := range Cases() {
		synctest.Test(t, func(*testing.T) {
			if record(c, mutantHarness(m)).failed {
				names = append(names, c.Name)
			}
			time.Sleep(2 * time.Minute) // what the mutant leaves behind ends
		})
	}
	return names
}

// record runs a case on a test of its own, whose failure fails nothing.
func record(c Case, h Harness) *recorder {
	rec := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer rec.clean()
		c.Check(rec, h)
	}()
	<-done
	return rec
}

// recorder is the part of testing.TB that cases use.
type recorder struct {
	testing.TB
	failed   bool
	skipped  string
	cleanups []func()
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) clean() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

// TestSkips checks that what a harness lacks is skipped with a reason, and
// that a transport which promises little, and keeps no more, passes the rest.
func TestSkips(t *testing.T) {
	careless := mutant{link: func(l transport.Link) transport.Link { return &careless{Link: l} }}
	ran := 0
	for _, c := range Cases() {
		var rec *recorder
		synctest.Test(t, func(*testing.T) { rec = record(c, Harness{New: mutantHarness(careless).New}) })
		if rec.failed {
			t.Errorf("%s failed for a harness without promises", c.Name)
		}
		if skipped := rec.skipped != ""; skipped != (c.needs != 0) {
			t.Errorf("%s: skipped %q, needs %b", c.Name, rec.skipped, c.needs)
		}
		if rec.skipped == "" {
			ran++
		}
	}
	if ran < 10 {
		t.Errorf("only %d cases run for a weak transport", ran)
	}
}

// TestCasesAreDescribed keeps names unique and sentences whole.
func TestCasesAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] || c.Name == "" {
			t.Errorf("the name %q is empty or taken", c.Name)
		}
		seen[c.Name] = true
		if len(c.Sentence) < 20 || c.Sentence[len(c.Sentence)-1] != '.' {
			t.Errorf("%s: %q is no sentence", c.Name, c.Sentence)
		}
	}
}
