package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/internal/porttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustListen(t testing.TB, opts Options) *Transport {
	t.Helper()
	tr, err := Listen(opts)
	if err != nil {
		t.Fatalf("Listen(%+v): %v", opts, err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// connect returns both ends of a link to a transport of its own.
func connect(t testing.TB) (dialled, accepted transport.Link) {
	t.Helper()
	tr := mustListen(t, Options{Bind: "127.0.0.1"})
	dialled, err := tr.Dial(t.Context(), tr.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err = tr.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestPortInUse(t *testing.T) {
	for _, bind := range []string{"127.0.0.1", "0.0.0.0", "", "::"} {
		first := mustListen(t, Options{Bind: bind})
		port := portOf(t, first.Addr())
		_, err := Listen(Options{Bind: bind, Ports: []int{port}})
		if !errors.Is(err, ErrPortInUse) || err.Error() != "port "+strconv.Itoa(port)+" is in use" {
			t.Errorf("bind %q: a busy port gave %v", bind, err)
		}
		_, err = Listen(Options{Bind: bind, Ports: []int{port, port}})
		if want := "all 2 ports from"; !errors.Is(err, ErrPortInUse) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("bind %q: two busy ports gave %v; want %q…", bind, err, want)
		}
		second := mustListen(t, Options{Bind: bind, Ports: []int{port, 0}})
		if portOf(t, second.Addr()) == port {
			t.Errorf("bind %q: the busy port was taken", bind)
		}
	}
}

func TestPortIsFreeAfterClose(t *testing.T) {
	port := porttest.Port(t)
	first := mustListen(t, Options{Bind: "127.0.0.1", Ports: []int{port}})
	l, err := first.Dial(t.Context(), first.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	_ = first.Close()
	mustListen(t, Options{Bind: "127.0.0.1", Ports: []int{port}})
}

func TestBadOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"port too high":       {Ports: []int{65536}},
		"port negative":       {Ports: []int{4370, -1}},
		"bound negative":      {MaxPending: -1},
		"source negative":     {MaxPerSource: -1},
		"keep-alive negative": {KeepAlive: -time.Second},
	} {
		if _, err := Listen(opts); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Listen(Options{Bind: "192.0.2.1"}); err == nil || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("an address of another machine: %v", err)
	}
}

// TestFamilies checks which callers reach which bind address. The ports are
// such that nobody else has their like in the other family.
func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		bind   string
		v4, v6 bool
	}{
		{"", true, true}, {"::", true, true}, {"0.0.0.0", true, false},
		{"127.0.0.1", true, false}, {"::1", false, true},
	} {
		tr := mustListen(t, Options{Bind: c.bind, Ports: []int{porttest.Port(t)}})
		port := strconv.Itoa(portOf(t, tr.Addr()))
		for host, want := range map[string]bool{"127.0.0.1": c.v4, "::1": c.v6} {
			l, err := tr.Dial(t.Context(), net.JoinHostPort(host, port))
			if got := err == nil; got != want {
				t.Errorf("bind %q: dial %s: %v", c.bind, host, err)
			}
			if err == nil {
				_ = l.Close()
			}
		}
	}
}

// TestIPv6Only: neither names nor callers come by IPv4.
func TestIPv6Only(t *testing.T) {
	tr := mustListen(t, Options{IPv6: true, Bind: "::", Ports: []int{porttest.Port(t)}})
	port := strconv.Itoa(portOf(t, tr.Addr()))
	l, err := tr.Dial(t.Context(), net.JoinHostPort("::1", port))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(l.Info().Local, "[::1]:") {
		t.Errorf("from %s", l.Info().Local)
	}
	if _, err := tr.Dial(t.Context(), "127.0.0.1:"+port); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("by IPv4: %v", err)
	}
	other := mustListen(t, Options{Bind: "127.0.0.1"})
	if _, err := other.Dial(t.Context(), "127.0.0.1:"+port); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("called by IPv4: %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	tr := mustListen(t, Options{Bind: "127.0.0.1"})
	gone := mustListen(t, Options{Bind: "127.0.0.1", Ports: []int{porttest.Port(t)}}) // one that nobody takes over
	_ = gone.Close()
	for addr, want := range map[string]error{
		gone.Addr():           transport.ErrRefused,
		"no port":             transport.ErrUnreachable,
		"127.0.0.1:70000":     transport.ErrUnreachable,
		"127.0.0.1:nonesuch":  transport.ErrUnreachable,
		"[::1]:1:2":           transport.ErrUnreachable,
		"255.255.255.255:123": transport.ErrUnreachable,
	} {
		_, err := tr.Dial(t.Context(), addr)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), addr) {
			t.Errorf("Dial(%q) = %v; want %v with the address", addr, err, want)
		}
	}
}

// TestDialErrorKinds covers what cannot be provoked on one machine.
func TestDialErrorKinds(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	dns := op(&net.DNSError{Err: "no such host", Name: "nope", IsNotFound: true})
	for _, c := range []struct {
		err, ended error
		want       string
	}{
		{op(syscall.ECONNREFUSED), nil, "dial nope:1: connection refused"},
		{op(syscall.ECONNREFUSED), context.Canceled, "dial nope:1: connection refused"},
		{dns, nil, "dial nope:1: unreachable: lookup nope: no such host"},
		{op(syscall.EHOSTUNREACH), nil, "dial nope:1: unreachable: no route to host"},
		{op(syscall.ETIMEDOUT), nil, "dial nope:1: unreachable: connection timed out"},
		{op(syscall.ECONNRESET), nil, "dial nope:1: unreachable: connection reset by peer"},
		{dns, context.DeadlineExceeded, "dial nope:1: unreachable: context deadline exceeded"},
		{dns, context.Canceled, "dial nope:1: context canceled"},
	} {
		if got := dialError("nope:1", c.err, c.ended).Error(); got != c.want {
			t.Errorf("%v, %v: %q; want %q", c.err, c.ended, got, c.want)
		}
	}
}

// TestSourceBound opens connections by hand and waits for their refusal.
func TestSourceBound(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tr := mustListen(t, Options{Bind: "127.0.0.1", MaxPending: 3, MaxPerSource: 2, Logger: logger})
	refused := make(chan error)
	for range 5 {
		go func() {
			l, err := tr.Dial(t.Context(), tr.Addr())
			if err == nil {
				_, err = l.Receive()
			}
			refused <- err
		}()
	}
	for range 3 {
		if err := <-refused; errors.Is(err, transport.ErrRefused) {
			t.Errorf("a link too many looks as if nobody listened: %v", err)
		}
	}
	got := tr.Stats()
	got.Links = 0 // the dialled ends come and go
	if diff := cmp.Diff(Stats{Pending: 2, RefusedSource: 3}, got); diff != "" {
		t.Errorf("stats (- want, + got):\n%s", diff)
	}
	_ = tr.Close()
	<-refused
	<-refused
	if !strings.Contains(log.String(), "too many links of this address wait") {
		t.Errorf("the log does not say why: %s", &log)
	}
}

func TestStatsForgetClosedLinks(t *testing.T) {
	tr := mustListen(t, Options{Bind: "127.0.0.1"})
	a, err := tr.Dial(t.Context(), tr.Addr())
	if err != nil {
		t.Fatal(err)
	}
	b, err := tr.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = a.Close(), b.Close()
	if diff := cmp.Diff(Stats{}, tr.Stats()); diff != "" {
		t.Errorf("stats (- want, + got):\n%s", diff)
	}
	if len(tr.waiting) != 0 {
		t.Errorf("sources are remembered: %v", tr.waiting)
	}
}

// TestWire pins the bytes on the wire, one batch larger than a system call
// takes included.
func TestWire(t *testing.T) {
	tr := mustListen(t, Options{Bind: "127.0.0.1"})
	conn, err := net.Dial("tcp", tr.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	l, err := tr.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for i := range 3*maxBatch + 1 {
		frames = append(frames, bytes.Repeat([]byte{'x'}, i%5))
	}
	if err := l.Send(frames...); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(encode(frames...)))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, encode(frames...)) {
		t.Errorf("on the wire, %v: % x", err, got)
	}
}

// TestHalfFrame ends a stream within a frame: nothing of it is delivered.
func TestHalfFrame(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"header": {0, 0}, "frame": {0, 0, 0, 9, 'h', 'a', 'l', 'f'}, "nothing": {},
		"a web request": []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		tr := mustListen(t, Options{Bind: "127.0.0.1"})
		conn, err := net.Dial("tcp", tr.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(bytes)
		_ = conn.Close()
		l, err := tr.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		frame, err := l.Receive()
		if !errors.Is(err, transport.ErrClosed) && !errors.Is(err, transport.ErrFrameTooLong) {
			t.Errorf("%s: got %q and %v", name, frame, err)
		}
	}
}

// TestErrorsNameThePeer keeps log lines useful.
func TestErrorsNameThePeer(t *testing.T) {
	a, b := connect(t)
	err := a.Send(make([]byte, transport.MaxFrame+1))
	if want := "frame too long: 1048577 bytes, the limit is 1048576"; !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), a.Info().Remote) {
		t.Errorf("%q does not say %q and %q", err, want, a.Info().Remote)
	}
	if _, err = b.Receive(); !strings.Contains(err.Error(), b.Info().Remote) {
		t.Errorf("%q does not name %q", err, b.Info().Remote)
	}
}

// failing is a listener whose first calls fail as when descriptors run out.
type failing struct {
	net.Listener
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

// TestAcceptGoesOn checks that a lack of descriptors ends nothing.
func TestAcceptGoesOn(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := mustListen(t, Options{Bind: "127.0.0.1"})
	_ = tr.listener.Close()
	tr.acceptor.Wait()
	f := &failing{Listener: inner}
	f.left.Store(3)
	tr.listener = f
	tr.acceptor.Go(tr.acceptAll)
	if _, err := tr.Dial(t.Context(), inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tr.Stats().AcceptErrors; got != 3 {
		t.Errorf("%d accept errors counted; want 3", got)
	}
}

// TestLimitsAreClamped pins what SetLimit does with silly values.
func TestLimitsAreClamped(t *testing.T) {
	a, b := connect(t)
	b.SetLimit(-1)
	a.SetLimit(1 << 40)
	if got := a.(*link).limit.Load(); got != transport.MaxFrame {
		t.Errorf("a limit beyond MaxFrame became %d", got)
	}
	if err := a.Send(nil, []byte{1}); err != nil {
		t.Fatal(err)
	}
	if frame, err := b.Receive(); err != nil || len(frame) != 0 {
		t.Errorf("an empty frame under limit 0: %q, %v", frame, err)
	}
	if _, err := b.Receive(); !errors.Is(err, transport.ErrFrameTooLong) {
		t.Errorf("a frame of 1 byte under limit 0: %v", err)
	}
}

// TestAllocations: neither Send nor Receive allocates once a link runs.
func TestAllocations(t *testing.T) {
	a, b := connect(t)
	frames := [][]byte{make([]byte, 100), make([]byte, 2000), nil}
	pass := func() {
		if err := a.Send(frames...); err != nil {
			t.Fatal(err)
		}
		for range frames {
			if _, err := b.Receive(); err != nil {
				t.Fatal(err)
			}
		}
	}
	pass()
	if got := testing.AllocsPerRun(200, pass); got > 0 {
		t.Errorf("%v allocations for %d frames", got, len(frames))
	}
}
