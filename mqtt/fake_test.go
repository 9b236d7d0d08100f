package mqtt

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCluster is a cluster of one node that searches a list.
type fakeCluster struct {
	mu       sync.Mutex
	subs     []fakeSub
	stamp    core.Stamp
	claims   []string
	hold     bool // keep accepted and visible in held
	held     []func()
	err      error // of Publish
	block    bool  // Publish waits for its ctx
	onClaim  func(id string)
	onSub    func() // after each Subscribe
	panicsOn core.Topic
	panicsAt core.Filter // when it is unsubscribed
}

type fakeSub struct {
	s       core.Subscriber
	filter  core.Filter
	granted core.QoS
}

var _ Cluster = (*fakeCluster)(nil)

func (f *fakeCluster) later(call func()) {
	f.mu.Lock()
	hold := f.hold
	if hold {
		f.held = append(f.held, call)
	}
	f.mu.Unlock()
	if !hold {
		call()
	}
}

func (f *fakeCluster) Subscribe(s core.Subscriber, filter core.Filter, granted core.QoS, visible func()) {
	f.Unsubscribe(s, filter)
	f.mu.Lock()
	f.subs = append(f.subs, fakeSub{s, filter, granted})
	onSub := f.onSub
	f.mu.Unlock()
	if onSub != nil {
		onSub()
	}
	f.later(visible)
}

func (f *fakeCluster) Unsubscribe(s core.Subscriber, filter core.Filter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := slices.ContainsFunc(f.subs, func(x fakeSub) bool { return x.filter == filter })
	if known && filter == f.panicsAt {
		panic("another bug in the cluster")
	}
	f.subs = slices.DeleteFunc(f.subs, func(x fakeSub) bool {
		return x.s.Number() == s.Number() && x.filter == filter
	})
}

func (f *fakeCluster) Publish(ctx context.Context, m *core.Message, accepted func()) error {
	f.mu.Lock()
	err, block := f.err, f.block
	f.mu.Unlock()
	switch {
	case f.panicsOn != "" && m.Topic == f.panicsOn:
		panic("a bug in the cluster")
	case block:
		<-ctx.Done()
		return ctx.Err()
	case err != nil:
		return err
	}
	for _, match := range f.match(m.Topic) {
		match.s.Deliver(m, match.granted)
	}
	if m.QoS > 0 {
		f.later(accepted)
	}
	return nil
}

// match returns each subscriber once, with the highest QoS granted.
func (f *fakeCluster) match(t core.Topic) (found []fakeSub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.subs {
		if !x.filter.Matches(t) {
			continue
		}
		i := slices.IndexFunc(found, func(y fakeSub) bool { return y.s.Number() == x.s.Number() })
		if i < 0 {
			found = append(found, x)
			continue
		}
		found[i].granted = max(found[i].granted, x.granted)
	}
	return found
}

func (f *fakeCluster) Claim(clientID string, discard bool) core.Token {
	if f.onClaim != nil {
		f.onClaim(clientID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stamp++
	f.claims = append(f.claims, clientID)
	return core.Token{Stamp: f.stamp}
}

func (f *fakeCluster) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeCluster) subscriptions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

func (f *fakeCluster) takeHeld() []func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := f.held
	f.held = nil
	return held
}

// fixture is a Broker with one listener.
type fixture struct {
	testing.TB
	cluster *fakeCluster
	broker  *Broker
	ln      net.Listener
	log     *bytes.Buffer
	dial    func() (net.Conn, error)
}

// onPipe serves over net.Pipe, for synctest; onTCP over a loopback port.
func onPipe(t testing.TB, l Limits) *fixture {
	ln := newPipeListener()
	return serve(t, endpoint{ln, ln.dial}, l)
}

func onTCP(t testing.TB, l Limits) *fixture {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	return serve(t, endpoint{ln, func() (net.Conn, error) { return net.Dial("tcp", addr) }}, l)
}

// endpoint is a listener with the way to reach it.
type endpoint struct {
	net.Listener
	dial func() (net.Conn, error)
}

func serve(t testing.TB, ln endpoint, l Limits) *fixture {
	t.Helper()
	f := &fixture{TB: t, cluster: &fakeCluster{}, ln: ln, log: &bytes.Buffer{}, dial: ln.dial}
	logger := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	b, err := New(Options{Cluster: f.cluster, Logger: logger, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	f.broker = b
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, ln, ListenerOptions{ID: "tcp.test", MaxConnections: 2000}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && err != ErrClosed {
			t.Errorf("Serve: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
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

// peer is a client that speaks packets, one at a time.
type peer struct {
	testing.TB
	nc net.Conn
	in *packet.Reader
}

type appender interface{ Append([]byte) []byte }

type empty packet.Type

func (e empty) Append(dst []byte) []byte { return packet.AppendEmpty(dst, packet.Type(e)) }

func (f *fixture) open() *peer {
	f.Helper()
	nc, err := f.dial()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { nc.Close() })
	return &peer{TB: f.TB, nc: nc, in: packet.NewReader(nc, make([]byte, 4096), 1<<28)}
}

// connect opens a session; present is what the CONNACK must say.
func (f *fixture) connect(id string, clean, present bool) *peer {
	f.Helper()
	p := f.open()
	p.send(packet.Connect{Version: 4, CleanStart: clean, ClientID: id})
	p.want(packet.Connack{SessionPresent: present})
	return p
}

func (p *peer) send(packets ...appender) {
	p.Helper()
	var wire []byte
	for _, a := range packets {
		wire = a.Append(wire)
	}
	if _, err := p.nc.Write(wire); err != nil {
		p.Fatal(err)
	}
}

// want reads packets and compares them byte for byte.
func (p *peer) want(packets ...appender) {
	p.Helper()
	for _, a := range packets {
		got, err := p.in.Next()
		if err != nil {
			p.Fatalf("want %+v: %v", a, err)
		}
		want, _ := packet.NewReader(bytes.NewReader(a.Append(nil)), nil, 1<<28).Next()
		if got.Type != want.Type || got.Flags != want.Flags || !bytes.Equal(got.Body, want.Body) {
			p.Fatalf("got %v %x %q, want %+v", got.Type, got.Flags, got.Body, a)
		}
	}
}

func (p *peer) wantClosed() {
	p.Helper()
	if got, err := p.in.Next(); err == nil || os.IsTimeout(err) {
		p.Fatalf("not closed: %v %v", got.Type, err)
	}
}

// silent says that nothing comes for a while; for synctest.
func (p *peer) silent(d time.Duration) {
	p.Helper()
	p.nc.SetReadDeadline(time.Now().Add(d))
	if got, err := p.in.Next(); !os.IsTimeout(err) {
		p.Fatalf("got %v %v", got.Type, err)
	}
	p.nc.SetReadDeadline(time.Time{})
}

func (p *peer) subscribe(filter core.Filter, q core.QoS) {
	p.Helper()
	p.send(packet.Subscribe{ID: 77, Subscriptions: []packet.Subscription{{Filter: filter, QoS: q}}})
	p.want(packet.Suback{ID: 77, Codes: []byte{byte(min(q, 1))}})
}

func publish(topic, payload string) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload)}
}

func publish1(topic, payload string, id uint16) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: 1, ID: id}
}

func puback(id uint16) packet.Ack { return packet.Ack{Type: packet.TypePuback, ID: id} }

func message(topic core.Topic, q core.QoS, payload string) *core.Message {
	return &core.Message{Topic: topic, QoS: q, Payload: []byte(payload)}
}
