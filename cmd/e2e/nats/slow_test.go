package nats

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

// slowPace is what the slow way carries each way, in bytes a second.
const slowPace = 1 << 20

// pacedWay stands between a node and its server; 0 bytes a second: as fast as
// it can.
type pacedWay struct {
	perSecond atomic.Int64
	passed    [2]atomic.Int64 // bytes: from the node, to the node
	ln        net.Listener
	to        string
	work      sync.WaitGroup
	mu        sync.Mutex
	conns     []net.Conn
}

func newPacedWay(t *testing.T, s *natstest.Server) *pacedWay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &pacedWay{ln: ln, to: strings.TrimPrefix(s.URL(), "nats://")}
	w.work.Go(w.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		w.mu.Lock()
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.work.Wait()
	})
	return w
}

func (w *pacedWay) accept() {
	for {
		node, err := w.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = node.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, node, server)
		w.mu.Unlock()
		w.work.Go(func() { w.copy(server, node, 0) })
		w.work.Go(func() { w.copy(node, server, 1) })
	}
}

func (w *pacedWay) copy(to, from net.Conn, direction int) {
	defer to.Close()
	buf := make([]byte, 4096)
	var due time.Time // of what was read last
	for {
		n, err := from.Read(buf)
		if pace := w.perSecond.Load(); pace > 0 {
			if now := time.Now(); due.Before(now) {
				due = now
			}
			due = due.Add(time.Duration(int64(n) * int64(time.Second) / pace))
			<-time.After(time.Until(due))
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
		w.passed[direction].Add(int64(n))
	}
}

func (w *pacedWay) url() string { return "nats://" + w.ln.Addr().String() }

// bulk publishes messages of 32 KB at QoS 1, one after another, until stop.
type bulk struct {
	topic string
	pub   *kit.Client
	sent  int
	err   error
	done  chan struct{}
}

const bulkBytes = 32 << 10

func startBulk(from *kit.Node, topic string, stop <-chan struct{}) *bulk {
	b := &bulk{topic: topic, pub: from.Connect("pub " + topic), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for b.err == nil {
			select {
			case <-stop:
				return
			default:
			}
			token := b.pub.Publish(b.topic, 1, false, b.message(b.sent))
			if !token.WaitTimeout(formTime) {
				b.err = fmt.Errorf("message %d is not acknowledged", b.sent)
			} else if b.err = token.Error(); b.err == nil {
				b.sent++
			}
		}
	}()
	return b
}

func (b *bulk) message(i int) string {
	return fmt.Sprintf("%08d%s", i, strings.Repeat(".", bulkBytes-8))
}

// TestSlowWay: one node has a way to its server that carries 1 MB/s for a
// while, less than what is published to and from it. Publishers wait, and
// nothing else comes of it: no message of QoS 1 is lost, and no node.
func TestSlowWay(t *testing.T) {
	server := natstest.Start(t)
	way := newPacedWay(t, server)
	root := t.TempDir()
	var all []*kit.Node
	for i, url := range []string{server.URL(), server.URL(), way.url()} {
		name := fmt.Sprint("n", i+1)
		all = append(all, bin.Node(t, kit.Options{
			Name: name + "@127.0.0.1", Dir: filepath.Join(root, name),
			Conf: fmt.Sprintf("transport { type = nats, nats.url = \"%s\" }\n%s", url, hear),
		}))
	}
	start(t, all...)
	loads := startLoads(t, all)
	stop := make(chan struct{})
	var bulks []*bulk
	var subs []*kit.Client
	for i := range 8 { // half of them to the slow node, half from it
		from, to := all[i%2], all[2]
		if i >= 4 {
			from, to = to, from
		}
		topic := fmt.Sprint("bulk/", i)
		subs = append(subs, to.Connect("sub "+topic).Sub(topic))
		bulks = append(bulks, startBulk(from, topic, stop))
	}
	way.perSecond.Store(slowPace)
	before := [2]int64{way.passed[0].Load(), way.passed[1].Load()}
	lasts := kit.Choose(8*time.Second, 2*time.Minute)
	kit.Pass(lasts)
	for i, what := range []string{"from the slow node", "to the slow node"} {
		n := way.passed[i].Load() - before[i]
		t.Logf("%s: %d KB/s", what, n>>10*int64(time.Second)/int64(lasts))
		if n < 20*bulkBytes {
			t.Errorf("only %d bytes %s", n, what)
		}
	}
	way.perSecond.Store(0)
	close(stop)
	for i, b := range bulks {
		b.end(t, subs[i])
	}
	endLoads(t, loads)
	kit.One(t, formTime, all...)
	for _, n := range all {
		if lost := n.Logged("member changed", "to=failed"); len(lost) > 0 {
			t.Errorf("%s has lost a member:\n%s", n.Name, strings.Join(lost, "\n"))
		}
	}
}

// end looks for every message that was acknowledged.
func (b *bulk) end(t *testing.T, sub *kit.Client) {
	t.Helper()
	<-b.done
	if b.err != nil {
		t.Errorf("%s: %v", b.topic, b.err)
	}
	for i := range b.sent {
		sub.Next(b.topic + "=" + b.message(i))
	}
	sub.Undropped()
	b.pub.Undropped()
	t.Logf("%s: %d messages", b.topic, b.sent)
}
