package membership

import (
	"math/rand/v2"
	"sort"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Options are the timers of a State; the zero value of each means its
// default.
type Options struct {
	ProbeEvery  time.Duration // between probes of a link; 500 ms
	DoubtAfter  time.Duration // silence until a node is doubtful and its link dialled anew; 2 s
	FailAfter   time.Duration // silence until it is not reached; 5 s
	RefuseIn    time.Duration // three refused dials within this mean not reached; 1 s
	RedialFirst time.Duration // pause after the first unanswered dial, then doubled; 50 ms
	RedialMax   time.Duration // longest pause between dials; 2 s
	Autoclean   time.Duration // how long a member is failed or left before it is forgotten; 0 = never
	Rand        *rand.Rand    // jitter of dials
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.ProbeEvery, 500*time.Millisecond)
	set(&o.DoubtAfter, 2*time.Second)
	set(&o.FailAfter, 5*time.Second)
	set(&o.RefuseIn, time.Second)
	set(&o.RedialFirst, 50*time.Millisecond)
	set(&o.RedialMax, 2*time.Second)
	return o
}

// MaxNodes bounds the nodes that a State knows of; more are not taken in, and
// counted.
const MaxNodes = 1024

// refusalsToFail is the number of refused dials that count as evidence of
// death.
const refusalsToFail = 3

// State is the membership as one node knows it. Its methods take the current
// time; what is to be done is collected and taken with Effects.
type State struct {
	opts    Options
	self    Record
	inc     core.Incarnation
	nodes   map[core.UID]*node
	entries map[core.UID]Entry
	effects []Effect
	refused uint64 // nodes not taken in for want of room
}

// node is what is known of one other node.
type node struct {
	uid    core.UID
	name   core.NodeID
	addr   string
	inc    core.Incarnation
	record Record
	reach  Reach // what our row says

	linked    bool
	relayed   bool      // the link goes through another node
	relays    bool      // it passes on what others have for its peers
	heard     time.Time // last echo or verified hello
	echoed    time.Time // last echo, or the beginning of the link
	flaps     int       // links in a row that ended soon after they began
	linkedAt  time.Time
	nextProbe time.Time
	dialling  bool
	nextDial  time.Time
	tries     int // dials unanswered since heard
	relaying  bool
	nextRelay time.Time
	detours   int // attempts at a relayed link
	failures  int // of them in a row
	refusals  [refusalsToFail]time.Time
	refusedN  int

	bye   ByeKind
	rows  map[core.UID]said // what it says of others
	state core.MemberState
	since time.Time
}

// said is what a node says of its link to another.
type said struct {
	reach   Reach
	relayed bool
}

// New returns the membership of a node that knows nobody else yet.
func New(self Record, inc core.Incarnation, o Options) *State {
	s := &State{
		opts: o.withDefaults(), self: self, inc: inc,
		nodes: map[core.UID]*node{}, entries: map[core.UID]Entry{},
	}
	s.effect(WriteRecord{Record: self})
	return s
}

// Known is a node as the data directory remembers it.
type Known struct {
	UID         core.UID         `json:"uid"`
	Name        core.NodeID      `json:"name"`
	Addr        string           `json:"addr"`
	Incarnation core.Incarnation `json:"incarnation"`
}

// Remember takes in nodes and entries kept from an earlier start.
func (s *State) Remember(now time.Time, nodes []Known, entries []Entry) {
	for _, e := range entries {
		s.entries[e.UID] = e
	}
	for _, k := range nodes {
		s.learn(now, k)
	}
	s.review(now)
}

// Remembered returns what Remember wants at the next start, sorted by uid.
func (s *State) Remembered() (nodes []Known, entries []Entry) {
	for _, n := range s.sorted() {
		nodes = append(nodes, Known{UID: n.uid, Name: n.name, Addr: n.addr, Incarnation: n.inc})
	}
	return nodes, s.Entries()
}

// learn makes a node known; nil if it may not be.
func (s *State) learn(now time.Time, k Known) *node {
	if k.UID == s.self.UID || k.UID.IsZero() || s.banned(k.UID) {
		return nil
	}
	n := s.nodes[k.UID]
	if n == nil {
		if len(s.nodes) >= MaxNodes {
			s.refused++
			return nil
		}
		n = &node{uid: k.UID, name: k.Name, addr: k.Addr, inc: k.Incarnation, rows: map[core.UID]said{}, since: now, nextDial: now}
		s.nodes[k.UID] = n
		s.effect(Store{})
		s.writeReach(n)
		return n
	}
	if k.Incarnation > n.inc { // it has started anew, and perhaps elsewhere
		n.inc = k.Incarnation
		n.moved(now, k)
	}
	return n
}

// moved takes in where a node is now, and has it dialled there soon.
func (n *node) moved(now time.Time, k Known) {
	if k.Addr != "" && k.Addr != n.addr {
		n.name, n.addr = k.Name, k.Addr
		n.tries, n.nextDial = 0, now
	}
}

// Hello is what a verified hello of the same cluster told.
type Hello struct {
	UID         core.UID
	Name        core.NodeID
	Addr        string
	Incarnation core.Incarnation
	Relays      bool // the node relays between its peers
	Relayed     bool // this link itself goes through another node
}

func (h Hello) known() Known {
	return Known{UID: h.UID, Name: h.Name, Addr: h.Addr, Incarnation: h.Incarnation}
}

// Stale reports whether h is of an earlier start than one already met: a copy
// of a data directory, or a message from the past.
func (s *State) Stale(h Hello) bool {
	n := s.nodes[h.UID]
	return n != nil && h.Incarnation < n.inc
}

// Met tells that a link to a node is up and its hello verified. A decision
// that it is gone or forgotten ends with that; the caller has refused removed
// ones (Fenced).
func (s *State) Met(now time.Time, stamp core.Stamp, h Hello) {
	if e, ok := s.entries[h.UID]; ok && e.Decision != Admitted {
		s.decide(Entry{UID: h.UID, Name: h.Name, Decision: Admitted, Stamp: stamp, Incarnation: h.Incarnation})
	}
	n := s.learn(now, h.known())
	if n == nil {
		return
	}
	if n.name != h.Name || n.addr != h.Addr || n.inc != h.Incarnation {
		s.effect(Store{})
	}
	n.name, n.addr, n.inc = h.Name, h.Addr, h.Incarnation
	n.linked, n.relays, n.bye, n.nextProbe = true, h.Relays, 0, now
	n.echoed, n.linkedAt = now, now
	s.route(n, h.Relayed)
	s.hear(n, now)
	s.setReach(n, Reached)
	s.review(now)
}

// Seen tells that a member answered with a verified hello on a connection that
// is no link, such as a probe of discovery. It may have been started anew
// elsewhere, so that nobody who remembers it finds it where it was.
func (s *State) Seen(now time.Time, h Hello) {
	n := s.nodes[h.UID]
	if n == nil || n.linked || h.Incarnation < n.inc || h.Addr == n.addr {
		return
	}
	n.inc = h.Incarnation
	n.moved(now, h.known())
	s.writeReach(n)
	s.effect(Store{})
	s.Tick(now)
}

// hear takes note of a sign of life. One that came through another node says
// nothing of the way to the node itself, which is dialled on.
func (s *State) hear(n *node, now time.Time) {
	n.heard, n.refusedN = now, 0
	if !n.relayed {
		n.tries, n.dialling, n.nextDial = 0, false, now
	}
}

// LinkDown tells that the link to a node has ended.
func (s *State) LinkDown(now time.Time, uid core.UID) {
	if n := s.nodes[uid]; n != nil && n.linked {
		s.unlink(n, now)
		if now.Sub(n.linkedAt) < s.opts.ProbeEvery { // do not dial and lose it in a circle
			n.flaps++
			n.nextDial = now.Add(s.pause(n.flaps))
			n.nextRelay = n.nextDial
		}
		s.Tick(now)
	}
}

// unlink takes note that there is no link any more: a direct one is dialled at
// once, and so is a detour when the direct way is known to be cut.
func (s *State) unlink(n *node, now time.Time) {
	if n.relayed {
		n.nextRelay = now
	} else {
		n.nextDial, n.tries = now, 0
	}
	n.linked = false
}

// Echo tells that a node answered a probe.
func (s *State) Echo(now time.Time, uid core.UID) {
	if n := s.nodes[uid]; n != nil && n.linked {
		s.hear(n, now)
		n.echoed, n.flaps = now, 0
		s.setReach(n, Reached)
		s.review(now)
	}
}

// Fresh reports whether the link to a node has echoed lately. One that has not
// gives way to a new one: the other side dials only when it has lost its own.
func (s *State) Fresh(now time.Time, uid core.UID) bool {
	n := s.nodes[uid]
	return n != nil && n.linked && now.Sub(n.echoed) < 2*s.opts.ProbeEvery
}

// DialFailed tells that a dial of a node was not answered by a hello; refused
// that its address said at once that nobody listens there.
func (s *State) DialFailed(now time.Time, uid core.UID, refused bool) {
	n := s.nodes[uid]
	if n == nil {
		return
	}
	n.dialling = false
	n.tries++
	n.nextDial = now.Add(s.pause(n.tries))
	if n.nextRelay.Before(now) {
		n.nextRelay = now
	}
	if refused {
		s.refusal(n, now)
	}
	s.review(now)
}

// refusal counts a refused dial; enough of them in a short time mean that the
// process is gone.
func (s *State) refusal(n *node, now time.Time) {
	n.refusals[n.refusedN%refusalsToFail] = now
	n.refusedN++
	if n.linked || n.refusedN < refusalsToFail {
		return
	}
	oldest := n.refusals[n.refusedN%refusalsToFail]
	if now.Sub(oldest) <= s.opts.RefuseIn && n.reach > NotReached && n.reach != Expired {
		s.setReach(n, NotReached)
	}
}

// pause is the time to wait after the tries-th unanswered dial: doubled each
// time, with 20 % of jitter so that two nodes do not dial in step for ever.
func (s *State) pause(tries int) time.Duration {
	d := min(s.opts.RedialFirst<<min(tries-1, 16), s.opts.RedialMax)
	if s.opts.Rand != nil {
		d += time.Duration((s.opts.Rand.Float64() - 0.5) * 0.4 * float64(d))
	}
	return d
}

// sorted returns the known nodes in the order of their uids.
func (s *State) sorted() []*node {
	out := make([]*node, 0, len(s.nodes))
	for _, n := range s.nodes {
		out = append(out, n)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].uid.Compare(out[j].uid) < 0 })
	return out
}

// Answered tells that a node's verified hello was seen, on a connection that
// did not become its link because another one stays.
func (s *State) Answered(now time.Time, uid core.UID) {
	if n := s.nodes[uid]; n != nil && n.linked {
		s.hear(n, now)
		s.review(now)
	}
}
