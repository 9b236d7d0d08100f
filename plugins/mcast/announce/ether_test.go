package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/group"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test on virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// ether is a network without sockets: what one sends, all receive at once,
// unless it is lost.
type ether struct {
	mu    sync.Mutex
	ports []*port
	lose  func(from, to *port) bool
	sent  [][]byte
}

// port is where one node is connected.
type port struct {
	e       *ether
	addr    netip.Addr
	receive func(group.Packet)

	mu      sync.Mutex
	lookErr error
	sendErr error
	seen    bool // by a Look without an error
	state   group.State
	closed  bool
}

var _ network = (*port)(nil)

func (e *ether) plug(o group.Options) *port {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := &port{e: e, addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(len(e.ports) + 1)}), receive: o.Receive}
	e.ports = append(e.ports, p)
	return p
}

func (p *port) Look(ctx context.Context) (group.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return group.State{}, ctx.Err()
	}
	if p.lookErr != nil {
		p.seen = false
		return group.State{}, p.lookErr
	}
	st := p.state
	st.Gained, p.seen = !p.seen, true
	return st, nil
}

func (p *port) Send(packet []byte) error {
	p.mu.Lock()
	err := p.sendErr
	if p.lookErr != nil {
		err = p.lookErr
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.e.mu.Lock()
	p.e.sent = append(p.e.sent, slices.Clone(packet))
	var to []*port
	for _, other := range p.e.ports {
		if p.e.lose == nil || !p.e.lose(p, other) {
			to = append(to, other)
		}
	}
	p.e.mu.Unlock()
	for _, other := range to {
		other.hear(packet, p.addr, p == other)
	}
	return nil
}

func (p *port) hear(packet []byte, from netip.Addr, local bool) {
	p.mu.Lock()
	deaf := p.closed || p.lookErr != nil
	p.mu.Unlock()
	if !deaf {
		p.receive(group.Packet{Data: packet, Source: from, Interface: "eth0", Local: local})
	}
}

func (p *port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// breaks sets the errors of a port.
func (p *port) breaks(look, send error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookErr, p.sendErr = look, send
}

// loses sets who hears nothing of whom.
func (e *ether) loses(f func(from, to *port) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose = f
}

// said is everything that was sent.
func (e *ether) said() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.sent)
}

func (e *ether) count() int { return len(e.said()) }

// knot is one node on the ether.
type knot struct {
	*strategy
	t    *testing.T
	port *port
	me   discovery.Self
}

var clusterKey = []byte("0123456789abcdef0123456789abcdef")

func selfOf(n int) discovery.Self {
	return discovery.Self{
		NodeUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Incarnation: 1, Name: fmt.Sprintf("n%d@10.0.1.%d", n, n),
		Endpoints: []discovery.Endpoint{{Host: fmt.Sprintf("10.0.1.%d", n), Port: uint16(4370 + n)}},
	}
}

func setup(n int) discovery.Setup {
	return discovery.Setup{Config: json.RawMessage(`{}`), Self: selfOf(n), ClusterName: "mustercl", ClusterKey: clusterKey}
}

// join starts the node numbered n; it ends with the test.
func (e *ether) join(t *testing.T, n int) *knot {
	t.Helper()
	return e.enter(t, setup(n))
}

func (e *ether) enter(t *testing.T, s discovery.Setup) *knot {
	t.Helper()
	k := &knot{t: t, me: s.Self}
	c, err := configure(t.Context(), s, func(o group.Options) network {
		k.port = e.plug(o)
		return k.port
	})
	if err != nil {
		t.Fatal(err)
	}
	k.strategy = c.Strategy.(*strategy)
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func (k *knot) register() {
	k.t.Helper()
	if ttl, err := k.Register(k.t.Context(), k.me, time.Minute); err != nil || ttl != 30*time.Second {
		k.t.Errorf("%s: %v, %v", k.me.Name, ttl, err)
	}
}

// lists returns the names that a node lists, with a space between them.
func (k *knot) lists() string {
	k.t.Helper()
	a, err := k.Discover(k.t.Context())
	if err != nil {
		k.t.Errorf("%s: %v", k.me.Name, err)
	}
	var names []string
	for _, c := range a.Candidates {
		name, _, _ := strings.Cut(c.ClaimedName, "@")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// all fails unless each of the nodes lists these.
func all(want string, nodes ...*knot) {
	for _, k := range nodes {
		k.t.Helper()
		if got := k.lists(); got != want {
			k.t.Errorf("%s lists %q, want %q", k.me.Name, got, want)
		}
	}
}

// warned fails unless the node's answer has a warning with the words; "" is
// for none at all.
func (k *knot) warned(words string) {
	k.t.Helper()
	a, err := k.Discover(k.t.Context())
	found := slices.ContainsFunc(a.Warnings, func(w string) bool { return strings.Contains(w, words) })
	if err != nil || words == "" && len(a.Warnings) > 0 || words != "" && !found {
		k.t.Errorf("warnings %q, %v; want %q", a.Warnings, err, words)
	}
}

var errDown = errors.New("eth0 is down")
