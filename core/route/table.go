package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// MaxSlots is how many nodes a table can hold routes of.
const MaxSlots = 64

// The errors of Table.Slot and Table.Apply.
var (
	ErrFull = errors.New("the route table has no slot left for another node")
	ErrSlot = errors.New("no node has this slot of the route table")
)

// Table holds the routes of all other nodes. Match, MatchFilters and All may
// be called by any number of goroutines at any time; the rest by one at a
// time.
type Table struct {
	index *Index[nodes]
	mask  atomic.Uint64 // slots that are live
	flood atomic.Uint64 // slots that every publish goes to
	uids  [MaxSlots]core.UID
	lens  [MaxSlots]int
}

// nodes are the slots of the nodes that route a filter.
type nodes struct{ bits atomic.Uint64 }

// Row is a filter and the nodes that route it: bit i is the node of slot i,
// live or not.
type Row struct {
	Filter core.Filter
	Nodes  uint64
}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{index: NewIndex[nodes]()} }

// Slot returns the slot of a node, 0 to MaxSlots-1, and takes the lowest free
// one at first. It is then neither live nor flooded. The error is ErrFull.
func (t *Table) Slot(uid core.UID) (int, error) {
	if slot := slices.Index(t.uids[:], uid); slot >= 0 && !uid.IsZero() {
		return slot, nil
	}
	slot := slices.Index(t.uids[:], core.UID{})
	if slot < 0 || uid.IsZero() {
		return 0, fmt.Errorf("%s: %w", uid, ErrFull)
	}
	t.uids[slot] = uid
	return slot, nil
}

// Release gives up a slot, and deletes the routes that its node still has,
// for which it goes through the whole table.
func (t *Table) Release(slot int) {
	if t.check(slot) != nil {
		return
	}
	t.SetLive(slot, false)
	t.SetFlood(slot, false)
	if t.lens[slot] > 0 {
		for f, n := range t.index.All() {
			if n.bits.Load()&(1<<slot) != 0 {
				_ = t.Apply(slot, f, false) // valid: it was let in
			}
		}
	}
	t.uids[slot] = core.UID{}
}

func (t *Table) check(slot int) error {
	if slot < 0 || slot >= MaxSlots || t.uids[slot].IsZero() {
		return fmt.Errorf("%d: %w", slot, ErrSlot)
	}
	return nil
}

// Apply adds or deletes the route of a node; doing it again changes nothing.
// It returns ErrSlot, or the error of the filter's Check.
func (t *Table) Apply(slot int, f core.Filter, add bool) error {
	if err := t.check(slot); err != nil {
		return err
	}
	bit := uint64(1) << slot
	return t.index.Update(f, func(old *nodes) *nodes {
		switch {
		case old == nil && add:
			old = &nodes{}
		case old == nil || old.bits.Load()&bit != 0 == add:
			return old
		}
		bits := old.bits.Load() ^ bit
		old.bits.Store(bits)
		if add {
			t.lens[slot]++
			return old
		}
		t.lens[slot]--
		if bits == 0 {
			return nil
		}
		return old
	})
}

// SetLive masks the routes of a node, or lets them take effect. Like SetFlood
// it is one atomic step, and ignores a number that is no slot.
func (t *Table) SetLive(slot int, on bool) { set(&t.mask, slot, on) }

// SetFlood says that every publish goes to a node, as long as it is live:
// not all of its routes are here.
func (t *Table) SetFlood(slot int, on bool) { set(&t.flood, slot, on) }

func set(word *atomic.Uint64, slot int, on bool) {
	if slot < 0 || slot >= MaxSlots {
		return
	}
	if bit := uint64(1) << slot; on {
		word.Or(bit)
	} else {
		word.And(^bit)
	}
}

// Match returns the live nodes that a publish to the topic goes to: bit i is
// the node of slot i.
func (t *Table) Match(topic core.Topic) uint64 {
	live, _ := t.MatchAll(topic)
	return live
}

// MatchAll is Match, and returns also the nodes that are not live and route the
// topic.
func (t *Table) MatchAll(topic core.Topic) (live, away uint64) {
	var bits uint64
	flood := t.flood.Load() // first: it ends when all routes are there
	t.index.arena.Load().visit(string(topic), func(_ *entry[nodes], n *nodes) { bits |= n.bits.Load() })
	mask := t.mask.Load()
	return (bits | flood) & mask, bits &^ mask
}

// Live returns the nodes that are live: bit i is the node of slot i.
func (t *Table) Live() uint64 { return t.mask.Load() }

// MatchFilters returns the routes that match a topic, sorted by filter: why a
// publish goes where.
func (t *Table) MatchFilters(topic core.Topic) (rows []Row) {
	t.index.matches(topic, func(f core.Filter, n *nodes) {
		rows = append(rows, Row{Filter: f, Nodes: n.bits.Load()})
	})
	return sorted(rows)
}

// All returns all routes, sorted by filter.
func (t *Table) All() (rows []Row) {
	for f, n := range t.index.All() {
		rows = append(rows, Row{Filter: f, Nodes: n.bits.Load()})
	}
	return sorted(rows)
}

func sorted(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(string(a.Filter), string(b.Filter)) })
	return rows
}

// Len returns the number of routes of the node of a slot.
func (t *Table) Len(slot int) int {
	if t.check(slot) != nil {
		return 0
	}
	return t.lens[slot]
}
