package membership

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Tick does what is due: probes, dials, doubts and forgetting.
func (s *State) Tick(now time.Time) {
	for _, n := range s.sorted() {
		s.probe(n, now)
		s.doubt(n, now)
		s.dial(n, now)
		s.detour(n, now)
		s.expire(n, now)
	}
	s.review(now)
}

func (s *State) probe(n *node, now time.Time) {
	if n.linked && !now.Before(n.nextProbe) {
		n.nextProbe = now.Add(s.opts.ProbeEvery)
		s.effect(Probe{UID: n.uid})
	}
}

// doubt turns silence into a row. A silent link is closed and dialled anew:
// that repairs the data path and is no evidence of death by itself.
func (s *State) doubt(n *node, now time.Time) {
	silent := now.Sub(n.heard)
	if n.linked && now.Sub(n.echoed) >= s.opts.DoubtAfter {
		s.unlink(n, now)
		s.effect(Cut{UID: n.uid, Reason: "no echo for " + s.opts.DoubtAfter.String()})
	}
	switch {
	case n.reach == Reached && silent >= s.opts.DoubtAfter:
		s.setReach(n, Doubtful)
	case n.reach == Doubtful && silent >= s.opts.FailAfter:
		s.setReach(n, NotReached)
	}
}

func (s *State) dial(n *node, now time.Time) {
	if n.direct() || n.dialling || n.addr == "" || now.Before(n.nextDial) {
		return
	}
	n.dialling = true
	s.effect(Dial{UID: n.uid, Addr: n.addr})
}

// expire says in our row that a member has been down for long enough to be
// forgotten.
func (s *State) expire(n *node, now time.Time) {
	if s.opts.Autoclean > 0 && n.reach == NotReached && !n.state.Live() && now.Sub(n.since) >= s.opts.Autoclean {
		s.setReach(n, Expired)
	}
}

// Next returns when Tick has something to do; the zero time if never.
func (s *State) Next() time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, n := range s.nodes {
		s.deadlines(n, consider)
	}
	return next
}

func (s *State) deadlines(n *node, consider func(time.Time)) {
	if n.linked {
		consider(n.nextProbe)
		consider(n.echoed.Add(s.opts.DoubtAfter))
	}
	if !n.direct() && !n.dialling && n.addr != "" {
		consider(n.nextDial)
	}
	if s.cutOff(n) && len(s.ways(n)) > 0 {
		consider(n.nextRelay)
	}
	switch n.reach {
	case Reached:
		consider(n.heard.Add(s.opts.DoubtAfter))
	case Doubtful:
		consider(n.heard.Add(s.opts.FailAfter))
	case NotReached:
		if s.opts.Autoclean > 0 && !n.state.Live() {
			consider(n.since.Add(s.opts.Autoclean))
		}
	}
}

// SetAutoclean changes how long a member is down before it is forgotten;
// 0 = never.
func (s *State) SetAutoclean(d time.Duration) { s.opts.Autoclean = d }

// RecordRow takes in the member record of a node, from its own table.
func (s *State) RecordRow(now time.Time, from core.UID, r Record) {
	if n := s.nodes[from]; n != nil && r.UID == from {
		n.record = r
		s.review(now)
	}
}

// ReachRow takes in what node from says of another; erased when it says
// nothing any more. Nodes never met become known by it.
func (s *State) ReachRow(now time.Time, from core.UID, row ReachRow, erased bool) {
	n := s.nodes[from]
	if n == nil || row.UID == from {
		return
	}
	if erased {
		delete(n.rows, row.UID)
	} else if len(n.rows) < MaxNodes {
		n.rows[row.UID] = said{row.Reach, row.Relayed}
		s.learn(now, Known{UID: row.UID, Name: row.Name, Addr: row.Addr, Incarnation: row.Incarnation})
	}
	s.Tick(now)
}

// Bye tells that a node says good-bye.
func (s *State) Bye(now time.Time, stamp core.Stamp, uid core.UID, kind ByeKind) {
	n := s.nodes[uid]
	if n == nil {
		return
	}
	if kind == ByeLeave {
		s.decide(Entry{UID: uid, Name: n.name, Decision: Gone, Stamp: stamp, Incarnation: n.inc})
		s.review(now)
		return
	}
	n.bye, n.linked = ByeStop, false
	n.nextDial = now.Add(s.opts.RedialMax)
	s.setReach(n, NotReached)
	s.review(now)
}
