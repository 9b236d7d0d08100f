package nats

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

// proxy stands between a node and its server, and can freeze: it passes
// nothing on and keeps every connection open, as a stopped machine does. It can
// be slow, too: perSecond bytes each way; 0: as fast as it can.
type proxy struct {
	perSecond int
	passed    [2]atomic.Int64 // bytes to the server, and from it
	ln        net.Listener
	to        string
	work      sync.WaitGroup
	mu        sync.Mutex
	conns     []net.Conn
	ice       chan struct{} // closed: it passes on
}

func newProxy(t *testing.T, s *natstest.Server, perSecond int) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{perSecond: perSecond, ln: ln, to: strings.TrimPrefix(s.URL(), "nats://"), ice: make(chan struct{})}
	p.thaw()
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.work.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		p.mu.Unlock()
		p.work.Go(func() { p.copy(near, far, &p.passed[1]) })
		p.work.Go(func() { p.copy(far, near, &p.passed[0]) })
	}
}

func (p *proxy) copy(to, from net.Conn, passed *atomic.Int64) {
	defer to.Close()
	buf := make([]byte, 4096)
	var due time.Time // of what was read last
	for {
		n, err := from.Read(buf)
		<-p.gate()
		if p.perSecond > 0 {
			if now := time.Now(); due.Before(now) {
				due = now
			}
			due = due.Add(time.Duration(n) * time.Second / time.Duration(p.perSecond))
			<-time.After(time.Until(due))
		}
		passed.Add(int64(n))
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (p *proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ice
}

func (p *proxy) thaw() { close(p.ice) }

func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ice = make(chan struct{})
}

func (p *proxy) url() string { return "nats://" + p.ln.Addr().String() }

// A server that freezes costs a node its links, and nothing else: no call hangs
// on it for long, and when it thaws the node goes on.
func TestFrozenServer(t *testing.T) {
	s := natstest.Start(t)
	p := newProxy(t, s, 0)
	a, err := tryListen(t, 1, p.url())
	if err != nil {
		t.Fatal(err)
	}
	b := listen(t, 2, s)
	from, to := pair(t, a, b)
	second, _ := pair(t, a, b)
	p.freeze()
	flooded := make(chan error, 1)
	go func() {
		frame := make([]byte, 256<<10)
		for {
			if err := from.Send(frame); err != nil {
				flooded <- err
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, receiving{to}) }()
	began := time.Now()
	if err := second.Close(); err != nil || time.Since(began) > writeTimeout {
		t.Errorf("close took %v: %v", time.Since(began), err)
	}
	select {
	case <-flooded:
	case <-time.After(patience):
		t.Fatal("Send hangs")
	}
	wantEnd(t, from, "connection to the NATS server")
	t.Logf("the loss was seen after %v", time.Since(began).Round(time.Millisecond))
	p.thaw()
	again, other := dialAgain(t, a, b)
	pass(t, again, other, "thawed")
	p.freeze()
	began = time.Now()
	if err := a.Close(); err != nil || time.Since(began) > 2*writeTimeout+connectTimeout {
		t.Errorf("the transport's close took %v: %v", time.Since(began), err)
	}
	p.thaw()
}

// receiving reads a link as a stream.
type receiving struct{ l *link }

func (r receiving) Read(b []byte) (int, error) {
	f, err := r.l.Receive()
	return copy(b, f), err
}
