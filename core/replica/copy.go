package replica

import (
	"iter"
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// Limits bound what one origin may make this node hold; zero means the
// default.
type Limits struct {
	Rows  int // 4,194,304
	Bytes int // of keys and values; 1 GiB
}

// Change is one row of a copy that got another value, or went.
type Change struct {
	Key     string
	Value   []byte
	Deleted bool
}

// Copy is what this node holds of another node's table. Its rows are in
// effect from the moment that they arrive; those of an earlier incarnation
// stay in effect until a snapshot of the later one has ended.
type Copy struct {
	limits  Limits
	rows    store
	inc     core.Incarnation // the highest met
	version uint64           // held without gaps, when based
	based   bool             // a snapshot of inc has ended
	last    uint64           // the version at which that one began
	lossy   bool             // the limits kept rows out
	shadow  shadow
	mark    uint32 // of the latest snapshot, and of what came since
	first   uint32 // marks from here on are of inc, and versions comparable
	changes []Change
	counts  copyCounts
}

// shadow is a snapshot being received: rows with the present mark.
type shadow struct {
	active   bool
	version  uint64 // of the table when it began
	chain    uint64 // deltas since then are held up to here
	position uint64 // next position wanted
	lossy    bool
}

// NewCopy returns an empty copy that knows no incarnation.
func NewCopy(l Limits) *Copy {
	if l.Rows <= 0 {
		l.Rows = 1 << 22
	}
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	return &Copy{limits: l, rows: newStore()}
}

// Have says what to tell the origin at link-up.
func (c *Copy) Have() Have {
	return Have{Incarnation: c.inc, Version: c.version, Complete: c.Complete()}
}

// Complete reports whether every row of the origin's present incarnation, as
// of some version, is here. While it is false the origin must be sent
// everything. It turns false when a later incarnation is met, and when Limits
// keep rows out.
func (c *Copy) Complete() bool { return c.based && !c.lossy }

// Meet tells the incarnation that the origin gave in its hello. It returns
// ErrIncarnation for one lower than the highest met.
func (c *Copy) Meet(inc core.Incarnation) error {
	if inc < c.inc {
		c.counts.badIncarnation++
		return ErrIncarnation
	}
	if inc > c.inc {
		c.inc, c.version, c.based, c.last, c.lossy = inc, 0, false, 0, false
		c.shadow = shadow{}
		c.mark++
		c.first = c.mark
	}
	return nil
}

// Get returns the value of a row, which must not be changed.
func (c *Copy) Get(key string) (value []byte, ok bool) {
	r, _ := c.rows.find(key)
	if r == nil || r.state != live {
		return nil, false
	}
	return []byte(r.value), true
}

// Len returns the number of rows in effect.
func (c *Copy) Len() int { return c.rows.live }

// Rows yields the rows in effect in no useful order, which is the same after
// the same messages. The copy must not be changed meanwhile.
func (c *Copy) Rows() iter.Seq2[string, []byte] { return c.rows.all() }

// Counts returns the counters of this copy.
func (c *Copy) Counts() []core.Count { return c.counts.list() }

// Delta takes in a delta. The changes are valid until the next call, their
// values are those of d; reply is to be sent back, nil if nothing is.
func (c *Copy) Delta(d Delta) (changes []Change, reply Message) {
	c.changes = c.changes[:0]
	if d.From > d.To {
		c.counts.malformed++
		return nil, nil
	}
	if c.Meet(d.Incarnation) != nil {
		return nil, c.ack()
	}
	held := &c.version
	if c.shadow.active {
		held = &c.shadow.chain
	}
	switch {
	case !c.shadow.active && !c.based:
		c.counts.gaps++
		return nil, Pull{Incarnation: c.inc}
	case d.From > *held:
		c.counts.gaps++
		return nil, Pull{Incarnation: c.inc, Have: *held}
	case d.To <= *held:
		c.counts.stale++
		return nil, c.ack()
	}
	c.applyAll(d.Ops)
	*held = d.To
	if c.fitsAgain() {
		return c.changes, Pull{Incarnation: c.inc}
	}
	return c.changes, c.ack()
}

// fitsAgain says that rows once kept out would find room now.
func (c *Copy) fitsAgain() bool {
	return c.lossy && !c.shadow.active && c.version > c.last &&
		len(c.rows.index) < c.limits.Rows/4*3 && c.rows.bytes < c.limits.Bytes/4*3
}

// Snapshot takes in a part of a snapshot, with the results of Delta. With the
// End part, rows that the snapshot did not mention are deleted.
func (c *Copy) Snapshot(s Snapshot) (changes []Change, reply Message) {
	c.changes = c.changes[:0]
	if !s.wellFormed() {
		c.counts.malformed++
		return nil, nil
	}
	if c.Meet(s.Incarnation) != nil {
		return nil, c.ack()
	}
	if s.Part == Begin {
		c.begin(s)
		return nil, c.ack()
	}
	switch {
	case !c.shadow.active || s.Version != c.shadow.version || s.To <= c.shadow.position:
		c.counts.stale++
		return nil, c.ack()
	case s.From > c.shadow.position:
		c.counts.gaps++
		return nil, c.ack()
	}
	c.shadow.position = s.To
	c.applyAll(s.Rows)
	if s.Part == End {
		c.finish()
	}
	return c.changes, c.ack()
}

func (s Snapshot) wellFormed() bool {
	return s.Part >= Begin && s.Part <= End && s.From < s.To && s.To < Done &&
		(s.Part == Begin) == (s.From == 0) && (s.From != 0 || s.To == 1)
}

// begin starts to receive a snapshot, unless it is an old or repeated one.
func (c *Copy) begin(s Snapshot) {
	if c.shadow.active && s.Version <= c.shadow.version ||
		c.based && (s.Version <= c.last || s.Version < c.version) {
		c.counts.stale++
		return
	}
	c.mark++
	c.shadow = shadow{active: true, version: s.Version, chain: s.Version, position: s.To}
}

// finish ends a snapshot: what it did not mention is not there any more.
func (c *Copy) finish() {
	for slot := range c.rows.slots {
		r := c.rows.at(slot)
		switch {
		case r.state == deleted:
			c.rows.remove(slot)
		case r.state == live && r.mark != c.mark && !(c.comparable(r) && r.version > c.shadow.version):
			c.changes = append(c.changes, Change{Key: r.key, Deleted: true})
			c.rows.remove(slot)
		}
	}
	c.based, c.lossy = true, c.shadow.lossy
	c.version, c.last = c.shadow.chain, c.shadow.version
	c.shadow = shadow{}
	c.shrink()
}

// ack says how far this copy has got.
func (c *Copy) ack() Message {
	switch {
	case c.shadow.active:
		return Ack{Incarnation: c.inc, Version: c.shadow.chain, Snapshot: c.shadow.version, Position: c.shadow.position}
	case c.based:
		return Ack{Incarnation: c.inc, Version: c.version, Snapshot: c.last, Position: Done}
	}
	return Ack{Incarnation: c.inc}
}

func (c *Copy) applyAll(ops []Op) {
	c.changes = slices.Grow(c.changes, len(ops))
	for i := range ops {
		c.apply(&ops[i])
	}
	c.shrink()
}

func (c *Copy) shrink() {
	if c.rows.sparse() {
		c.rows.compact()
	}
}

// comparable says that the row's version is one of the present incarnation.
func (c *Copy) comparable(r *row) bool { return r.mark >= c.first }

// apply brings one row up to date; the newer state wins, whatever the order
// of arrival.
func (c *Copy) apply(o *Op) {
	r, slot := c.rows.find(o.Key)
	switch {
	case r != nil && c.comparable(r) && r.version >= o.Version:
		r.mark = c.mark
	case !o.Deleted:
		c.put(o, r)
	case r != nil && r.state == live:
		c.changes = append(c.changes, Change{Key: r.key, Deleted: true})
		c.bury(o, slot)
	case c.shadow.active:
		c.bury(o, slot)
	}
}

func (c *Copy) put(o *Op, r *row) {
	if !c.room(o, r) {
		return
	}
	changed := r == nil || r.state != live || r.value != string(o.Value)
	r, _ = c.rows.put(o.Key, string(o.Value))
	r.version, r.mark = o.Version, c.mark
	if changed {
		c.changes = append(c.changes, Change{Key: r.key, Value: o.Value})
	}
}

// bury deletes a row. While a snapshot is under way a tombstone stays, for a
// part made before the deletion may still arrive.
func (c *Copy) bury(o *Op, slot uint32) {
	if !c.shadow.active {
		c.rows.remove(slot)
		return
	}
	if r, _ := c.rows.find(o.Key); c.room(o, r) {
		r, _ := c.rows.bury(o.Key)
		r.version, r.mark = o.Version, c.mark
	}
}

// room says whether the limits let this state of a row in. If not, the copy
// is not complete any more.
func (c *Copy) room(o *Op, r *row) bool {
	grow := len(o.Value)
	if r == nil {
		grow += len(o.Key)
	} else {
		grow -= len(r.value)
	}
	switch {
	case r == nil && len(c.rows.index) >= c.limits.Rows:
		c.counts.overRows++
	case grow > 0 && c.rows.bytes+grow > c.limits.Bytes:
		c.counts.overBytes++
	default:
		return true
	}
	c.lossy, c.shadow.lossy = true, true
	return false
}
