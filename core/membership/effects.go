package membership

import "github.com/muster-mqtt/muster/core"

// Effect is something that the owner of a State must do.
type Effect interface{ effect() }

// The effects.
type (
	// Dial asks for one dial of a node; Met or DialFailed must follow.
	Dial struct {
		UID  core.UID
		Addr string
	}
	// Relay asks for one attempt to link with a node through another; Relayed
	// must follow, after Met if it succeeds.
	Relay struct{ UID, Via core.UID }
	// Probe asks for one probe over the link to a node.
	Probe struct{ UID core.UID }
	// Cut asks to close the link to a node, after what is queued on it.
	Cut struct {
		UID    core.UID
		Reason string
	}
	// WriteRecord, WriteReach and EraseReach change our own table.
	WriteRecord struct{ Record Record }
	// WriteReach writes the row about one node.
	WriteReach struct{ Row ReachRow }
	// EraseReach deletes the row about one node.
	EraseReach struct{ UID core.UID }
	// Tell asks to send entries to every linked node.
	Tell struct{ Entries []Entry }
	// Changed says that the view has changed; State tells how.
	Changed struct {
		UID      core.UID
		From, To core.MemberState
		Gone     bool // no member any more
	}
	// Expelled says that self has been removed from the cluster.
	Expelled struct{ Entry Entry }
	// Store asks to write Remembered to the data directory.
	Store struct{}
)

func (Dial) effect()        {}
func (Relay) effect()       {}
func (Probe) effect()       {}
func (Cut) effect()         {}
func (WriteRecord) effect() {}
func (WriteReach) effect()  {}
func (EraseReach) effect()  {}
func (Tell) effect()        {}
func (Changed) effect()     {}
func (Expelled) effect()    {}
func (Store) effect()       {}

func (s *State) effect(e Effect) { s.effects = append(s.effects, e) }

// Effects returns what is to be done, in order, and forgets it.
func (s *State) Effects() []Effect {
	out := s.effects
	s.effects = nil
	return out
}

func (s *State) writeReach(n *node) {
	s.effect(WriteReach{Row: ReachRow{UID: n.uid, Reach: n.reach, Relayed: n.relayed, Incarnation: n.inc, Name: n.name, Addr: n.addr}})
}

func (s *State) setReach(n *node, r Reach) {
	if n.reach != r {
		n.reach = r
		s.writeReach(n)
	}
}
