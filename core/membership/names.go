package membership

import (
	"fmt"

	"github.com/muster-mqtt/muster/core"
)

// uidDigits are those of a uid that tell namesakes apart.
const uidDigits = 4

// Name returns what a member is called, "" for none: its own name, unless a
// live member that joined before it has the same one, as after a merge. Then
// four digits of its uid are added, name~1234@host, so that every node calls
// it alike (CONTRACT 2).
func (s *State) Name(uid core.UID) core.NodeID {
	if uid == s.self.UID {
		return s.nameOf(uid, s.self.Name, s.self.Joined)
	}
	if n := s.nodes[uid]; n != nil {
		return s.nameOf(uid, n.name, n.record.Joined)
	}
	return ""
}

func (s *State) nameOf(uid core.UID, name core.NodeID, joined core.Stamp) core.NodeID {
	first := !s.self.precedes(uid, name, joined)
	for _, n := range s.nodes {
		if first && n.state.Live() {
			r := n.record
			r.UID, r.Name = n.uid, n.name
			first = !r.precedes(uid, name, joined)
		}
	}
	if first {
		return name
	}
	return core.NodeID(fmt.Sprintf("%s~%s@%s", name.Name(), uid.String()[:uidDigits], hostOf(name)))
}

// precedes reports whether another member of that name, which joined then, has
// to give way to r. One whose join is not known yet does not precede.
func (r Record) precedes(uid core.UID, name core.NodeID, joined core.Stamp) bool {
	switch {
	case r.Name != name, r.UID == uid, r.Joined == 0:
		return false
	case joined == 0, r.Joined < joined:
		return true
	}
	return r.Joined == joined && r.UID.Compare(uid) < 0
}

// hostOf is the host as the name writes it, with its brackets if it has any.
func hostOf(name core.NodeID) string { return string(name)[len(name.Name())+1:] }
