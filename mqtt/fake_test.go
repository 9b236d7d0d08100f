package mqtt

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a Broker with one listener.
type fixture struct {
	testing.TB
	options Options
	cluster *fakeCluster
	broker  *Broker
	ln      net.Listener
	log     *bytes.Buffer
	dial    func() (net.Conn, error)
}

// onPipe serves over net.Pipe, for synctest; onTCP over a loopback port.
func onPipe(t testing.TB, l Limits, more ...func(*Options)) *fixture {
	ln := newPipeListener()
	return serve(t, endpoint{ln, ln.dial}, l, more...)
}

func onTCP(t testing.TB, l Limits, more ...func(*Options)) *fixture {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	return serve(t, endpoint{ln, func() (net.Conn, error) { return net.Dial("tcp", addr) }}, l, more...)
}

// endpoint is a listener with the way to reach it.
type endpoint struct {
	net.Listener
	dial func() (net.Conn, error)
}

func serve(t testing.TB, ln endpoint, l Limits, more ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{TB: t, cluster: newFakeCluster(), ln: ln, log: &bytes.Buffer{}, dial: ln.dial}
	logger := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	f.options = Options{Cluster: f.cluster, Logger: logger, Limits: l}
	for _, change := range more {
		change(&f.options)
	}
	b, err := New(f.options)
	if err != nil {
		t.Fatal(err)
	}
	f.broker = b
	f.serve(ln, ListenerOptions{ID: "tcp.test", MaxConnections: 20_000})
	return f
}

// serve has the Broker serve a listener until the test ends, when it is
// closed.
func (f *fixture) serve(ln net.Listener, o ListenerOptions) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.broker.Serve(ctx, ln, o) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && err != ErrClosed {
			f.Errorf("Serve: %v", err)
		}
		if err := f.broker.Close(); err != nil {
			f.Error(err)
		}
	})
}

func (f *fixture) count(name, reason string) (v uint64) {
	for _, c := range f.broker.Counters() {
		if c.Name == name && c.Reason == reason {
			return c.Value
		}
	}
	f.Errorf("no counter %s %s", name, reason)
	return 0
}

func (f *fixture) wantCount(name, reason string, want uint64) {
	f.Helper()
	if got := f.count(name, reason); got != want {
		f.Errorf("%s %s = %d, want %d", name, reason, got, want)
	}
}

func (f *fixture) wantClosed(reason string, want uint64) {
	f.Helper()
	f.wantCount("mqtt_connections_closed_total", reason, want)
}

func (f *fixture) wantDropped(reason string, want uint64) {
	f.Helper()
	f.wantCount("mqtt_deliveries_dropped_total", reason, want)
}

// pipeListener accepts one end of each net.Pipe.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
