package replica

import "iter"

const pageRows = 1024

// row is one slot of a store. mark is the snapshot (in a Copy) or the delta
// (in a Table) that mentioned the row last.
type row struct {
	key, value string
	version    uint64
	mark       uint32
	state      rowState
}

type rowState uint8

const (
	vacant rowState = iota
	live
	deleted // a tombstone: kept while an older state may still be under way
)

// store keeps rows in slots that do not move, so that a scan may go on while
// rows come and go. Pages keep a growing table from being copied.
type store struct {
	index  map[string]uint32
	pages  []*[pageRows]row
	vacant []uint32
	slots  uint32 // slots in use or vacant; all below it exist
	live   int
	bytes  int // of all keys and values, tombstones' too
}

func newStore() store { return store{index: map[string]uint32{}} }

func (s *store) at(slot uint32) *row { return &s.pages[slot/pageRows][slot%pageRows] }

// find returns the row of a key, which may be a tombstone, and nil if there
// is none.
func (s *store) find(key string) (*row, uint32) {
	slot, ok := s.index[key]
	if !ok {
		return nil, 0
	}
	return s.at(slot), slot
}

// put makes the row live with this value.
func (s *store) put(key, value string) (*row, uint32) {
	r, slot := s.find(key)
	if r == nil {
		r, slot = s.add(key)
	}
	if r.state != live {
		r.state = live
		s.live++
	}
	s.bytes += len(value) - len(r.value)
	r.value = value
	return r, slot
}

// bury turns a row into a tombstone, making one if there is no such row.
func (s *store) bury(key string) (*row, uint32) {
	r, slot := s.find(key)
	if r == nil {
		r, slot = s.add(key)
	}
	if r.state == live {
		s.live--
	}
	s.bytes -= len(r.value)
	r.value, r.state = "", deleted
	return r, slot
}

func (s *store) add(key string) (*row, uint32) {
	slot := s.slots
	if n := len(s.vacant); n > 0 {
		slot, s.vacant = s.vacant[n-1], s.vacant[:n-1]
	} else {
		if int(slot/pageRows) == len(s.pages) {
			s.pages = append(s.pages, new([pageRows]row))
		}
		s.slots++
	}
	r := s.at(slot)
	*r = row{key: key, state: vacant}
	s.index[key] = slot
	s.bytes += len(key)
	return r, slot
}

// remove empties a slot.
func (s *store) remove(slot uint32) {
	r := s.at(slot)
	if r.state == live {
		s.live--
	}
	s.bytes -= len(r.key) + len(r.value)
	delete(s.index, r.key)
	*r = row{}
	s.vacant = append(s.vacant, slot)
}

// sparse says that three quarters of the slots are vacant.
func (s *store) sparse() bool {
	return s.slots > 2*pageRows && len(s.index) < int(s.slots)/4
}

// compact moves the rows together and gives the rest back. It returns the new
// slot of each old one.
func (s *store) compact() []uint32 {
	old := *s
	moved := make([]uint32, old.slots)
	*s = store{index: make(map[string]uint32, len(old.index)), live: old.live}
	for slot := range old.slots {
		if r := old.at(slot); r.state != vacant {
			to, n := s.add(r.key)
			*to, moved[slot] = *r, n
		}
	}
	s.bytes = old.bytes
	return moved
}

// all yields the live rows in the order of their slots.
func (s *store) all() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for slot := range s.slots {
			if r := s.at(slot); r.state == live && !yield(r.key, []byte(r.value)) {
				return
			}
		}
	}
}
