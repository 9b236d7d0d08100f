package clauses

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// TestHostile holds that nothing which a connection sends does more than end
// it: each type of packet cut at each byte, before, as and after the CONNECT,
// and bytes that are no packets. A client that has nothing to do with it is
// served all the while, and nothing is left behind.
func TestHostile(t *testing.T) {
	t.Parallel()
	nodes := alone(t, "mqtt.idle_timeout = 2s")
	n := nodes[0]
	for _, v := range both {
		t.Run(version(v), func(t *testing.T) {
			p := &play{T: t, v: v, nodes: nodes, base: fmt.Sprint("c", plays.Add(1))}
			w := p.watch()
			before := open(t, n)
			for name, attack := range map[string]func(*play){"cut": cutBodies, "stopped": stopped, "random": randomBytes, "mutated": mutated} {
				t.Run(name, func(t *testing.T) {
					q := *p
					q.T = t
					attack(&q)
				})
				w.served()
			}
			settle(t, n, before)
			balanced(p, n, 2)
		})
	}
	t.Run("unfinished", func(t *testing.T) { unfinished(&play{T: t, v: v5, nodes: nodes, base: fmt.Sprint("c", plays.Add(1))}) })
	if rss := resident(t, n); rss > 200<<20 {
		t.Errorf("the node has grown to %d bytes", rss)
	}
}

// watcher is a publisher and a subscriber that must not notice anything.
type watcher struct {
	in, out *peer
	n       int
}

func (p *play) watch() *watcher {
	w := &watcher{in: p.join("in"), out: p.join("out", lasting)}
	w.out.on(p.topic("watched"), 1)
	w.in.on(p.topic("#"), 0)
	return w
}

// served wants a message to pass, and none from the attackers before it.
func (w *watcher) served() {
	w.in.Helper()
	w.n++
	topic, payload := w.in.topic("watched"), fmt.Sprint(w.n)
	w.in.send(publish{topic: topic, payload: payload, qos: 1, id: w.n}.bytes(w.in.v))
	w.out.take(topic, payload)
	for range 2 {
		if got := w.in.next(); got.typ == publishType && got.topic != topic {
			w.in.Fatalf("an attacker was heard: %s", got)
		}
	}
}

// intact are the lengths to which the body of a sample may be cut and still be
// one.
func intact(v, typ byte, body []byte) []int {
	head := len(props(v))
	topic, filter := len(str("samples/topic")), len(str("samples/topic"))+1
	list := func() int { // the properties behind an identifier
		if v != v5 {
			return 2
		}
		return 3 + int(body[2])
	}
	switch typ {
	case publishType:
		from := topic + 2
		if v == v5 {
			from += 1 + int(body[from])
		}
		var all []int
		for i := from; i < len(body); i++ {
			all = append(all, i)
		}
		return all
	case pubackType, pubrecType, pubrelType, pubcompType:
		return []int{2, 2 + head}
	case subscribeType:
		return []int{list() + filter}
	case unsubscribeType:
		return []int{list() + topic}
	case disconnectType:
		return []int{0, head}
	}
	return nil
}

// body returns what is behind the length of a packet of less than 16 KB.
func bodyOf(packet []byte) []byte {
	if packet[1] > 127 {
		return packet[3:]
	}
	return packet[2:]
}

// cutBodies: the length says what is there, which is not enough.
func cutBodies(p *play) {
	all := samples(p.v)
	for _, typ := range slices.Sorted(maps.Keys(all)) {
		body := bodyOf(all[typ])
		whole := intact(p.v, typ, body)
		for n := range len(body) {
			cut := frame(all[typ][0], body[:n])
			x := p.dial()
			x.id = fmt.Sprintf("%s of %d bytes", typeName(typ), n)
			x.send(cut)
			switch {
			case typ != connectType:
				x.closed()
			case n < 7: // the version is not known
				x.closedOr(0x81)
			default:
				x.ends(0x81)
			}
			if typ == connectType || slices.Contains(whole, n) {
				continue
			}
			y := p.join("y")
			y.id = "late " + x.id
			y.send(cut)
			if isOfAServer(typ) || typ == authType {
				y.ends(0x81, 0x82)
				continue
			}
			y.ends(short(p.v, typ, n, body))
		}
	}
}

// short is the reason for a body that was cut: malformed, but a list of no
// filters is a protocol error.
func short(v, typ byte, n int, body []byte) byte {
	if typ != subscribeType && typ != unsubscribeType || v != v5 || n != 3+int(body[2]) {
		return 0x81
	}
	return 0x82
}

// stopped: the sender goes away in the middle of each packet.
func stopped(p *play) {
	all := samples(p.v)
	for _, typ := range slices.Sorted(maps.Keys(all)) {
		for n := 1; n < len(all[typ]); n++ {
			x := p.dial()
			x.id = fmt.Sprintf("%s stopped at %d", typeName(typ), n)
			x.send(all[typ][:n])
			x.hush()
			if rest := x.rest(); len(rest) > 0 && typ == connectType {
				x.Fatalf("%s: answered %x", x.id, rest)
			}
			y := p.join("y")
			y.send(all[typ][:n])
			y.hush()
			y.rest()
		}
	}
}

// hush says that nothing more will be sent.
func (x *peer) hush() { _ = x.conn.(*net.TCPConn).CloseWrite() }

// randomBytes: of each length, first and behind a CONNECT.
func randomBytes(p *play) {
	seed := rand.Uint64()
	p.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range 300 {
		noise := make([]byte, 1+n%80)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		for _, x := range []*peer{p.dial(), p.join("y")} {
			x.offer(noise)
			x.hush()
			x.drain()
		}
	}
}

// drain reads until the end, however it comes.
func (x *peer) drain() {
	x.Helper()
	_ = x.conn.SetReadDeadline(time.Now().Add(within))
	for {
		if _, err := x.r.ReadByte(); err != nil {
			if !over(err) {
				x.Errorf("%s: %v, want the end of the connection", x.id, err)
			}
			_ = x.conn.Close()
			return
		}
	}
}

// mutated: right packets with a few bytes changed. They go to topics of their
// own, or nowhere.
func mutated(p *play) {
	seed := rand.Uint64()
	p.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	all := samples(p.v)
	types := slices.Sorted(maps.Keys(all))
	for range 600 {
		packet := slices.Clone(all[types[r.IntN(len(types))]])
		for range 1 + r.IntN(3) {
			packet[r.IntN(len(packet))] = byte(r.Uint32())
		}
		for _, x := range []*peer{p.dial(), p.join("y")} {
			x.offer(packet)
			x.hush()
			x.drain()
		}
	}
}

// unfinished: connections that never say who they are are closed in time, and
// keep nobody from being served.
func unfinished(p *play) {
	w := p.watch()
	before := open(p.T, p.node())
	begin := connect{v: v5, id: p.id("x"), clean: true}.bytes()
	var held []*peer
	for i := range 200 {
		x := p.dial()
		x.send(begin[:i%len(begin)])
		held = append(held, x)
		if i%50 == 0 {
			w.served()
		}
	}
	for _, x := range held {
		if rest := x.rest(); len(rest) > 0 {
			p.Fatalf("answered %x", rest)
		}
	}
	w.served()
	settle(p.T, p.node(), before)
}

// open returns how many descriptors the node has.
func open(t *testing.T, n *solo.Node) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(n.PID()), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// settle waits until the node has no more descriptors than before: that it has
// closed a connection is no event that others could wait for.
func settle(t *testing.T, n *solo.Node, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); open(t, n) > before; <-tick.C {
		if time.Since(begin) > within {
			t.Fatalf("%d descriptors, %d before", open(t, n), before)
		}
	}
}

// resident returns the resident memory of the node in bytes.
func resident(t *testing.T, n *solo.Node) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(n.PID()), "statm"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// balanced wants the counters to know of no more clients than there are, and
// of no message that was lost.
func balanced(p *play, n *solo.Node, clients float64) {
	p.Helper()
	all, err := n.Counters(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	now := all["muster_mqtt_connections_opened_total"]
	for name, value := range all {
		if strings.HasPrefix(name, "muster_mqtt_connections_closed_total") {
			now -= value
		}
		if strings.HasPrefix(name, "muster_messages_dropped_total") {
			p.Errorf("%s is %v", name, value)
		}
	}
	if now != clients {
		p.Errorf("%v clients by the counters, want %v: %v", now, clients, all)
	}
}
