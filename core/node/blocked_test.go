package node

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport/tcp"
)

// path is a relay of TCP connections to one node. Those that pass it now can
// be made to carry nothing any more, without an end: half-open, as after a
// firewall has forgotten them; new ones work.
type path struct {
	t    *testing.T
	ln   net.Listener
	to   string
	mu   sync.Mutex
	dead chan struct{} // closed: what was opened before carries nothing
	open []net.Conn
	all  sync.WaitGroup
}

func newPath(t *testing.T, to string) *path {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &path{t: t, ln: ln, to: to, dead: make(chan struct{})}
	p.all.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *path) accept() {
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, in, out)
		dead := p.dead
		p.mu.Unlock()
		p.all.Go(func() { carry(in, out, dead) })
		p.all.Go(func() { carry(out, in, dead) })
	}
}

// carry copies until either end closes, or until the path is dead: then it
// keeps both ends open.
func carry(from, to net.Conn, dead <-chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-dead:
			return
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			_ = from.Close()
			return
		}
	}
}

// cut makes the connections that pass now half-open, and returns how many.
func (p *path) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.dead)
	p.dead = make(chan struct{})
	return len(p.open) / 2
}

func (p *path) close() {
	_ = p.ln.Close()
	p.mu.Lock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.all.Wait()
}

// overTCP starts a node over TCP that others reach through a path.
func overTCP(t *testing.T, i byte, join ...string) (*Node, *path) {
	t.Helper()
	tr, err := tcp.Listen(tcp.Options{Bind: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	p := newPath(t, tr.Addr())
	n, err := New(Options{
		Saved: Saved{UID: core.UID{i}, Name: core.NodeID("n" + string('0'+i) + "@127.0.0.1"), Incarnation: 1}, Store: &testNode{},
		ClusterName: "test", Key: wire.Key{1}, Transport: tr, Advertise: p.ln.Addr().String(),
		Form: Form{Manual: len(join) == 0, Join: join}, Rand: rand.New(rand.NewPCG(1, uint64(i))),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	n.SetSessions(&fakeFront{conns: map[string]core.Token{}, beaten: map[string]core.Token{}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return n, p
}

// seen returns how n sees the other node.
func seen(n *Node) core.MemberState {
	for _, m := range n.Members() {
		if m.UID != n.opts.Saved.UID {
			return m.State
		}
	}
	return 0
}

// TestHalfOpenConnection: over real connections, one that carries nothing any
// more is found by the probes and dialled anew before either node is taken for
// failed; the kernel alone would need half a minute and more.
func TestHalfOpenConnection(t *testing.T) {
	a, pathA := overTCP(t, 1)
	b, pathB := overTCP(t, 2, pathA.ln.Addr().String())
	watch := time.NewTicker(5 * time.Millisecond)
	defer watch.Stop()
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); <-watch.C {
			if time.Now().After(end) {
				t.Fatalf("not within a minute: %s", what)
			}
		}
	}
	linked := func(n *Node, to core.UID) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.linked(to)
	}
	both := func() bool { return linked(a, core.UID{2}) && linked(b, core.UID{1}) }
	until("one cluster", func() bool { return both() && seen(a) == core.Alive && seen(b) == core.Alive })
	before := linkOf(a, core.UID{2})
	if pathA.cut()+pathB.cut() == 0 {
		t.Fatal("no connection passes the path")
	}
	began := time.Now()
	until("a new link", func() bool {
		if seen(a) == core.Failed || seen(b) == core.Failed {
			t.Fatal("a node was taken for failed, though it answers dials")
		}
		return both() && linkOf(a, core.UID{2}) != before
	})
	t.Logf("found and replaced within %s", time.Since(began))
	until("both alive", func() bool { return seen(a) == core.Alive && seen(b) == core.Alive })
}

func linkOf(n *Node, uid core.UID) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.peers[uid]; p != nil {
		return p.link
	}
	return nil
}
