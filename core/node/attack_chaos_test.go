package node

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport/mem"
)

// TestAttackChaos lets five to seven nodes be killed, stopped, restarted, cut
// off, healed, removed and moved by operators, while sessions subscribe and
// publish. After everything heals the invariants of the design must hold.
// MUSTER_SEED=N runs one seed, MUSTER_PROVE=1 two thousand, MUSTER_PROVE=M as
// many as that, from MUSTER_SEED on.
func TestAttackChaos(t *testing.T) {
	first, count := uint64(1), uint64(8)
	number := func(name string, unset uint64) uint64 {
		n, err := strconv.ParseUint(cmp.Or(os.Getenv(name), "0"), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return cmp.Or(n, unset)
	}
	if os.Getenv("MUSTER_SEED") != "" {
		first, count = number("MUSTER_SEED", first), 1
	}
	if n := number("MUSTER_PROVE", 0); n > 0 {
		if count = n; n == 1 {
			count = 2000
		}
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			sideBySide(t)
			onOneProcessor(t)
			synctest.Test(t, func(t *testing.T) { runChaos(t, seed) })
			if t.Failed() {
				t.Logf("repeat: MUSTER_SEED=%d go test -run TestAttackChaos ./core/node", seed)
			}
		})
	}
}

// storm is one run of the chaos.
type storm struct {
	*cluster
	forgets bool // autoclean is short: what waits for a node may go with it
	lossy   bool // cuts lose frames, and the links live on
	wiped   int
	rng     *rand.Rand
	names   []string
	actors  map[string]*actor
	sent    []*sending
	logs    logs // nil: the nodes have no disk for messages
}

// actor is a node with what its sessions have done in its present run.
type actor struct {
	*testNode
	up      bool
	epoch   int // counts stops, leaves, joins and removals
	born    *inbox
	filters map[core.Filter]*inbox
}

// sending is one publish at QoS 1 and who must get it.
type sending struct {
	from    string
	epoch   int
	payload string
	to      []string
	acked   atomic.Int32
}

func runChaos(t *testing.T, seed uint64) {
	c := &cluster{t: t, net: mem.NewNetwork(mem.Options{Seed: seed}), nodes: map[string]*testNode{}}
	s := &storm{cluster: c, rng: rand.New(rand.NewPCG(seed, 7)), actors: map[string]*actor{}}
	defer s.stopUp()
	for i := range 5 + s.rng.IntN(3) {
		s.names = append(s.names, fmt.Sprint("n", i+1))
		if i == 0 || seed%4 != 1 {
			c.seeds = append(c.seeds, s.names[i]+":1")
		}
	}
	s.forgets, s.lossy = seed%3 == 0, seed%5 == 2
	if seed%4 >= 2 {
		s.logs = logs{}
		c.with(s.logs, time.Millisecond)
	}
	if withLog := c.tweak; s.forgets {
		c.tweak = func(o *Options) {
			if o.Membership.Autoclean = 15 * time.Second; withLog != nil {
				withLog(o)
			}
		}
	}
	for _, a := range s.names {
		s.actors[a] = &actor{}
		for _, b := range s.names {
			c.net.Delay(a+":1", b+":1", time.Millisecond, 4*time.Millisecond)
		}
	}
	for _, name := range s.names {
		s.up(name)
		s.pause(200 * time.Millisecond)
	}
	time.Sleep(40 * time.Second)
	s.one(s.names...)
	for _, name := range s.names {
		s.actors[name].epoch = 0
	}
	for range 40 {
		s.step()
		s.pause(3 * time.Second)
	}
	s.calm()
	s.verify()
}

// stopUp stops the nodes that are up.
func (s *storm) stopUp() {
	for _, name := range s.names {
		if a := s.actors[name]; a.up {
			a.halt()
		}
	}
}

func (s *storm) pause(most time.Duration) {
	time.Sleep(time.Duration(s.rng.Int64N(int64(most))))
}

// up starts a node; one session subscribes before anything else.
func (s *storm) up(name string) {
	a := s.actors[name]
	if a.testNode != nil && s.rng.IntN(12) == 0 { // an empty data directory
		s.wiped++
		a.saved = Saved{UID: core.UID{0: a.saved.UID[0], 1: byte(s.wiped)}, Name: a.saved.Name}
		delete(s.logs, name)
	}
	if s.logs[name] != nil {
		a.testNode, _ = s.revive(s.logs, name, "")
	} else {
		a.testNode = s.start(name)
	}
	a.up, a.filters, a.born = true, map[core.Filter]*inbox{}, newInbox()
	a.epoch++
	a.Subscribe(a.born, at("all/#", 1), func() {})
}

// down ends a node: in order, as by SIGKILL, or with its last writes lost.
func (s *storm) down(name string) {
	a := s.actors[name]
	a.epoch++
	a.up = false
	a.testNode.mu.Lock()
	before := a.saved
	a.testNode.mu.Unlock()
	how := s.rng.IntN(3)
	if l := s.logs[name]; l != nil && how > 0 {
		l.kill()
	}
	switch how {
	case 0:
		a.halt()
		time.Sleep(2 * time.Millisecond) // for its log
	case 1:
		a.kill()
	case 2:
		a.kill()
		a.saved = before
	}
}

// running returns a running node, or "".
func (s *storm) running() string {
	var up []string
	for _, name := range s.names {
		if s.actors[name].up {
			up = append(up, name)
		}
	}
	if len(up) == 0 {
		return ""
	}
	return up[s.rng.IntN(len(up))]
}

func (s *storm) any() string { return s.names[s.rng.IntN(len(s.names))] }

// step does one thing.
func (s *storm) step() {
	name := s.any()
	what := s.rng.IntN(20)
	s.t.Logf("-- step %d of %s", what, name)
	switch {
	case what < 4:
		if s.actors[name].up {
			s.down(name)
		} else {
			s.up(name)
		}
	case what < 10:
		s.disturb(what)
	case what < 13:
		s.operate(what, name)
	default:
		s.traffic()
	}
}

// disturb changes the network.
func (s *storm) disturb(what int) {
	a, b := s.any()+":1", s.any()+":1"
	switch {
	case a == b, what == 4:
		s.net.HealAll()
	case what < 7:
		cut := s.net.Cut
		if s.lossy {
			cut = s.net.CutLossy
		}
		cut(a, b)
		if s.rng.IntN(2) == 0 {
			cut(b, a)
		}
	case what == 7:
		s.net.Heal(a, b)
		s.net.Heal(b, a)
	default:
		var sides [2][]string
		for _, name := range s.names {
			side := s.rng.IntN(2)
			sides[side] = append(sides[side], name+":1")
		}
		s.net.Split(sides[0], sides[1])
	}
}

// operate is an operator's command. n1 is never removed, so that there is
// always a cluster to come back to.
func (s *storm) operate(what int, name string) {
	a := s.actors[name]
	if name == "n1" {
		return
	}
	switch {
	case what == 10 && a.up:
		a.epoch++
		s.t.Logf("leave: %v", a.Leave(context.Background()))
	case what == 11:
		if by := s.running(); by != "" && by != name {
			a.epoch++
			s.t.Logf("%s removes: %v", by, s.actors[by].ForceLeave(context.Background(), core.NodeID(name+"@"+name)))
		}
	case what == 12 && a.up:
		a.epoch++
		s.t.Logf("join: %v", a.Join(context.Background(), s.any()+":1"))
	}
}

// traffic subscribes, unsubscribes and publishes.
func (s *storm) traffic() {
	for range 1 + s.rng.IntN(20) {
		name := s.running()
		if name == "" {
			return
		}
		a := s.actors[name]
		f := core.Filter(fmt.Sprint("f/", s.rng.IntN(12)))
		switch old := a.filters[f]; {
		case s.rng.IntN(4) == 0:
			s.keep(a)
		case s.rng.IntN(3) > 0:
			s.publish(name)
		case old != nil:
			a.Unsubscribe(old, f, "")
			delete(a.filters, f)
		default:
			a.filters[f] = newInbox()
			a.Subscribe(a.filters[f], at(f, 1), func() {})
		}
	}
}

// publish sends to everyone. Those that have lived from the beginning, and
// are alive to the publisher before and after, must get it.
func (s *storm) publish(name string) {
	a := s.actors[name]
	p := &sending{from: name, epoch: a.epoch, payload: fmt.Sprintf("%s-%06d", name, len(s.sent))}
	before := a.alive()
	m := &core.Message{Topic: "all/x", Payload: []byte(p.payload), QoS: 1, Publisher: name}
	if err := a.Publish(context.Background(), m, then(func() { p.acked.Add(1) })); err != nil {
		s.t.Errorf("publish at %s: %v", name, err)
		return
	}
	after := a.alive()
	for _, to := range s.names {
		if s.actors[to].up && s.actors[to].epoch == 0 && before[to] && after[to] {
			p.to = append(p.to, to)
		}
	}
	s.sent = append(s.sent, p)
}

// keep publishes something to be retained, deletes it, or lets it expire.
func (s *storm) keep(a *actor) {
	m := &core.Message{
		Topic: core.Topic(fmt.Sprint("keep/", s.rng.IntN(30))), Payload: []byte(fmt.Sprint(len(s.sent), s.rng.IntN(1000))),
		QoS: core.QoS(s.rng.IntN(3)), Retain: true, Publisher: a.name,
	}
	switch s.rng.IntN(6) {
	case 0, 1:
		m.Payload = nil
	case 2:
		m.Extra = &core.Extra{Expires: time.Now().Add(time.Duration(s.rng.IntN(60)) * time.Second)}
	}
	if err := a.Publish(context.Background(), m, core.Outcome{}); err != nil {
		s.t.Errorf("retained at %s: %v", a.name, err)
	}
}

func (n *testNode) alive() map[string]bool {
	out := map[string]bool{}
	for _, m := range n.Members() {
		out[m.Name.Name()] = m.State == core.Alive
	}
	return out
}

// calm heals everything, starts what is down and, half of the time, lets
// those that left join again.
func (s *storm) calm() {
	s.t.Log("-- calm")
	s.net.HealAll()
	for _, name := range s.names {
		if !s.actors[name].up {
			s.up(name)
		}
	}
	time.Sleep(90 * time.Second)
	if s.rng.IntN(2) == 0 {
		return
	}
	for _, name := range s.names {
		if a := s.actors[name]; a.isLeft() {
			a.epoch++
			if err := a.Join(context.Background(), "n1:1"); err != nil {
				s.t.Errorf("%s joins at the end: %v", name, err)
			}
			s.pause(time.Second)
		}
	}
	time.Sleep(30 * time.Second)
}

func (n *testNode) isLeft() bool {
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	return n.left
}

// verify checks the invariants.
func (s *storm) verify() {
	var in []string
	for _, name := range s.names {
		if !s.actors[name].isLeft() {
			in = append(in, name)
		}
	}
	s.t.Logf("-- members: %v", in)
	views := map[string]bool{}
	for _, name := range in {
		views[s.actors[name].states()+" in "+s.actors[name].Cluster().UID.String()] = true
	}
	want := strings.Join(in, ":alive ") + ":alive"
	if len(views) != 1 || s.actors["n1"].states() != want {
		s.t.Errorf("the views are %v, want %s everywhere", views, want)
	}
	routes := fmt.Sprint(s.expected(in))
	for _, name := range in {
		if got := fmt.Sprint(s.actors[name].Routes()); got != routes {
			s.t.Errorf("%s routes %s\nwant %s", name, got, routes)
		}
		if n := s.actors[name].count.laneGaps.Load(); n != 0 && !s.lossy {
			s.t.Errorf("%s: %d lane gaps", name, n)
		}
		if mine, first := s.actors[name].held("#"), s.actors[in[0]].held("#"); !slices.Equal(mine, first) {
			s.t.Errorf("%s retains %v\n%s %v", name, mine, in[0], first)
		}
	}
	s.verifyMessages()
}

// expected are the routes of the sessions that live.
func (s *storm) expected(in []string) []core.Route {
	var out []core.Route
	for _, name := range in {
		out = append(out, core.Route{Filter: "all/#", Node: core.NodeID(name + "@" + name)})
		for f := range s.actors[name].filters {
			out = append(out, core.Route{Filter: f, Node: core.NodeID(name + "@" + name)})
		}
	}
	return sortRoutes(out)
}

// verifyMessages checks acknowledgements, deliveries, duplicates and order.
func (s *storm) verifyMessages() {
	got := map[string][]string{}
	for _, name := range s.names {
		for _, m := range s.actors[name].born.take() {
			got[name] = append(got[name], strings.TrimSuffix(strings.TrimPrefix(m, "all/x="), "/1"))
		}
	}
	for _, p := range s.sent {
		if s.actors[p.from].epoch != p.epoch {
			continue
		}
		if n := p.acked.Load(); n != 1 {
			s.t.Errorf("%s was acknowledged %d times", p.payload, n)
		}
		if s.actors[p.from].isLeft() {
			continue // it took this before it heard that it had been removed
		}
		for _, to := range p.to {
			if s.actors[to].epoch == 0 && !s.forgets && !slices.Contains(got[to], p.payload) {
				s.t.Errorf("%s did not reach %s", p.payload, to)
			}
		}
	}
	for _, name := range s.names {
		s.verifyOrder(name, got[name])
	}
}

func (s *storm) verifyOrder(name string, got []string) {
	last := map[string]string{}
	for _, m := range got {
		from, _, _ := strings.Cut(m, "-")
		if s.forgets || s.actors[name].epoch != 0 || s.actors[from].epoch != 0 {
			continue // a dropped lane may repeat what was not acknowledged
		}
		if m <= last[from] {
			s.t.Errorf("%s got %s after %s", name, m, last[from])
		}
		last[from] = m
	}
}
