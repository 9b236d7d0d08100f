package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/core/wire"
)

// Bounds of what a node may hold while it is attacked, and how near it must
// come to where it was.
const (
	maxResident = 128 << 20 // bytes; an idle node holds about 25 MB
	nearMemory  = 32 << 20
	nearFiles   = 8
)

// hostileSeed is printed; MUSTER_SEED repeats a run.
func hostileSeed(t *testing.T) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("MUSTER_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("MUSTER_SEED=%d repeats what the attackers send", seed)
	return seed
}

// hostileTime is how long the attack lasts: longer than a connection may be
// silent.
func hostileTime() time.Duration {
	if kit.Proving() || os.Getenv("CI") != "" {
		return 10 * time.Second
	}
	return 5 * time.Second
}

// footprint is what must not grow.
type footprint struct{ pid, plugin, memory, files int }

func (n *node) footprint() footprint {
	return footprint{n.cmd.Process.Pid, n.readyPlugin(0).PID, n.resident(), n.descriptors()}
}

// Random bytes, mutated packets and frames, half-open connections and floods
// of connections at both ports of every node: the cluster stays one and goes
// on delivering, in the same processes and in bounded memory, and counts what
// it refuses.
func TestHostileBytes(t *testing.T) {
	seed := hostileSeed(t)
	nodes := cluster(t, 3, "mqtt { session_expiry_interval = 1s, idle_timeout = 3s }")
	s := newSteady(nodes)
	s.publish(20)
	var before []footprint
	for _, n := range nodes {
		before = append(before, n.footprint())
	}
	attack := startAttack(t, nodes, seed)
	end := time.Now().Add(hostileTime())
	var worst time.Duration
	for time.Now().Before(end) {
		worst = max(worst, s.publish(1))
		for _, n := range nodes {
			if mem := n.resident(); mem > maxResident {
				t.Fatalf("%s holds %d MB", n.name, mem>>20)
			}
		}
	}
	attack.end()
	t.Logf("%d connections, %d kB thrown; %d messages delivered, the slowest publish took %s", attack.conns, attack.bytes>>10, s.sent, worst)
	for i, n := range nodes {
		calm(n, before[i])
		refusals(n)
	}
	one(t, nodes, nil)
	s.publish(20)
}

// calm fails the test unless a node is again as it was before an attack.
func calm(n *node, before footprint) {
	n.t.Helper()
	if now := n.footprint(); now.pid != before.pid || !runs(now.pid) || now.plugin != before.plugin {
		n.t.Errorf("%s: the processes were %v, are %v", n.name, before, now)
	}
	until(n.t, patience, n.name+": its descriptors are closed", func() bool { return n.descriptors() <= before.files+nearFiles })
	now := n.resident()
	n.t.Logf("%s: %d MB before, %d MB after; %d descriptors before, %d after", n.name, before.memory>>20, now>>20, before.files, n.descriptors())
	if now > before.memory+nearMemory {
		n.t.Errorf("%s: %d MB before, %d MB after", n.name, before.memory>>20, now>>20)
	}
	if lost := n.logged("member changed", "to=failed"); len(lost) > 0 {
		n.t.Errorf("%s has taken a member for failed:\n%s", n.name, strings.Join(lost, "\n"))
	}
	if crash := n.logged("panic"); len(crash) > 0 || n.count("mqtt_panics_total") > 0 {
		n.t.Errorf("%s has panicked: %s", n.name, strings.Join(crash, "\n"))
	}
	if size := len(n.output()); size > 256<<10 {
		n.t.Errorf("%s has logged %d bytes", n.name, size)
	}
}

// refusals fails the test unless what was refused was counted.
func refusals(n *node) {
	n.t.Helper()
	for _, name := range []string{
		"hellos_refused_total", `mqtt_connections_closed_total{reason="malformed_packet"}`, `mqtt_connections_closed_total{reason="connection_lost"}`,
		`mqtt_connections_closed_total{reason="connect_timeout"}`,
	} {
		if n.count(name) == 0 {
			n.t.Errorf("%s: %s is 0", n.name, name)
		}
	}
	if gaps := n.count("lane_gaps_total"); gaps > 0 {
		n.t.Errorf("%s: %v gaps in a lane", n.name, gaps)
	}
}

// steady are clients that behave, across the nodes.
type steady struct {
	pub, sub []*client
	sent     int
}

func newSteady(nodes []*node) *steady {
	s := &steady{}
	for i, n := range nodes {
		s.sub = append(s.sub, n.connect(fmt.Sprint("steady-sub-", i)).sub(fmt.Sprintf("steady/%d", i)))
	}
	for i, n := range nodes {
		s.pub = append(s.pub, n.connect(fmt.Sprint("steady-pub-", i)))
	}
	return s
}

// publish sends from each node to the next, and waits for every message.
func (s *steady) publish(rounds int) (worst time.Duration) {
	for range rounds {
		for i, p := range s.pub {
			to := (i + 1) % len(s.sub)
			text := fmt.Sprint(s.sent)
			worst = max(worst, p.pub(fmt.Sprintf("steady/%d", to), text, 1))
			s.sub[to].next(fmt.Sprintf("steady/%d=%s", to, text))
			s.sent++
		}
	}
	return worst
}

// mallory is where attackers call from; no node does.
var mallory = net.IPv4(127, 0, 0, 2)

// attack is what is thrown at a cluster.
type attack struct {
	t            *testing.T
	stop         chan struct{}
	wg           sync.WaitGroup
	mu           sync.Mutex
	held         []net.Conn // half-open, until the end
	conns, bytes int
}

// maxHeld bounds the half-open connections of an attack, maxConns all.
const maxHeld, maxConns = 120, 60_000

func startAttack(t *testing.T, nodes []*node, seed uint64) *attack {
	a := &attack{t: t, stop: make(chan struct{})}
	for _, n := range nodes { // these say nothing at all
		a.held = append(a.held, append(crowd(t, n.port, 2), crowd(t, n.mqtt, 2)...)...)
	}
	for i, n := range nodes {
		for j, port := range []int{n.port, n.mqtt} {
			a.wg.Go(func() { a.run(port, j == 0, rand.New(rand.NewPCG(seed, uint64(2*i+j)))) })
		}
	}
	t.Cleanup(a.end)
	return a
}

// end ends the attack; again, it does nothing.
func (a *attack) end() {
	a.mu.Lock()
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	a.mu.Unlock()
	a.wg.Wait()
	for _, c := range a.held {
		_ = c.Close()
	}
	a.held = nil
}

// run makes one connection after the other to a port.
func (a *attack) run(port int, cluster bool, r *rand.Rand) {
	dialer := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: mallory}}
	for {
		select {
		case <-a.stop:
			return
		default:
		}
		text := mutate(r, sample(r, cluster))
		c, err := dialer.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue // there is no room for us just now
		}
		if !a.use(c, text, r.IntN(8)) {
			return
		}
	}
}

// use sends text over c and then keeps it, reads from it, or drops it; false
// when the attack has had enough connections.
func (a *attack) use(c net.Conn, text []byte, how int) bool {
	_ = c.(*net.TCPConn).SetLinger(0) // a reset: no port of ours stays taken
	_ = c.SetDeadline(time.Now().Add(time.Second))
	n, _ := c.Write(text)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns++
	a.bytes += n
	switch {
	case how == 0 && len(a.held) < maxHeld:
		a.held = append(a.held, c)
	case how < 4:
		a.mu.Unlock()
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = c.Read(make([]byte, 4096))
		a.mu.Lock()
		_ = c.Close()
	default:
		_ = c.Close()
	}
	return a.conns < maxConns
}

// sample is something that a port may be sent: valid, up to a point, or noise.
func sample(r *rand.Rand, cluster bool) []byte {
	switch {
	case r.IntN(5) == 0:
		return noise(r, r.IntN(64<<10))
	case cluster:
		return frames(r)
	case r.IntN(10) == 0: // the beginning of a packet of 999,999 bytes
		return append([]byte{0x10, 0xbf, 0x84, 0x3d}, packets(r)[2:]...)
	}
	return packets(r)
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// frames are a hello of a node with another cookie, and what might follow it.
func frames(r *rand.Rand) []byte {
	id := wire.Identity{Cluster: "mustercl", Name: "mallory@127.0.0.2", Incarnation: 1}
	copy(id.UID[:], noise(r, len(id.UID)))
	h, err := wire.NewHandshake(wire.Dialler, id, wire.Options{Key: wire.Key(noise(r, len(wire.Key{})))})
	if err != nil {
		return nil
	}
	out := frame(h.Start(), len(h.Start()))
	for range r.IntN(4) {
		body := noise(r, r.IntN(1200))
		length := len(body)
		if r.IntN(4) == 0 {
			length = int(r.Uint32())
		}
		out = append(out, frame(body, length)...)
	}
	return out
}

// frame puts a length before a body.
func frame(body []byte, length int) []byte {
	return append([]byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}, body...)
}

// packets are a connection of a client that is in a hurry.
func packets(r *rand.Rand) []byte {
	id := fmt.Sprintf("mallory-%d", r.IntN(50))
	level := byte(4 + r.IntN(2))
	body := append([]byte("\x00\x04MQTT"), level, byte(r.IntN(4)), 0, 60)
	if level == 5 {
		body = append(body, 0)
	}
	out := packet(0x10, append(body, text(id)...))
	for range r.IntN(6) {
		body := append([]byte{0, byte(1 + r.IntN(9))}, make([]byte, 0, 64)...)
		if level == 5 {
			body = append(body, 0)
		}
		switch r.IntN(4) {
		case 0:
			out = append(out, packet(0x82, append(append(body, text(fmt.Sprintf("mallory/%d/#", r.IntN(20)))...), byte(r.IntN(3))))...)
		case 1:
			out = append(out, packet(0x32, append(append(text("mallory/1/x"), body...), noise(r, r.IntN(2000))...))...)
		case 2:
			out = append(out, packet(0xa2, append(body, text("mallory/1/#")...))...)
		default:
			out = append(out, packet(byte(r.Uint32()), noise(r, r.IntN(200)))...)
		}
	}
	return out
}

func text(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

// packet puts the fixed header before a body of fewer than 16,384 bytes.
func packet(first byte, body []byte) []byte {
	n := len(body)
	return append([]byte{first, byte(n) | 0x80, byte(n >> 7)}, body...)
}

// mutate changes, cuts or repeats parts of what is valid, or leaves it.
func mutate(r *rand.Rand, b []byte) []byte {
	for range r.IntN(4) {
		if len(b) == 0 {
			break
		}
		at := r.IntN(len(b))
		switch r.IntN(5) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at:at], b[min(len(b), at+1+r.IntN(8)):]...)
		default:
			b = append(b[:at:at], append(noise(r, r.IntN(16)), b[at:]...)...)
		}
	}
	return b
}
