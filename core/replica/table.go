package replica

import (
	"iter"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Options are the limits of a table and its feeds; zero means the default.
type Options struct {
	LogOps     int           // writes that the log serves; 65,536
	LogBytes   int           // of the keys and values of those; 8 MB
	DeltaOps   int           // rows in one delta; 4096
	DeltaBytes int           // of one delta; 256 KB; a longer row goes alone
	ChunkBytes int           // of one snapshot part; 256 KB; a longer row goes alone
	Resend     time.Duration // until what was not acked is sent again; 1 s, doubled up to 8 times
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.LogOps, 65536)
	def(&o.LogBytes, 8_000_000)
	def(&o.DeltaOps, 4096)
	def(&o.DeltaBytes, 256_000)
	def(&o.ChunkBytes, 256_000)
	if o.Resend <= 0 {
		o.Resend = time.Second
	}
	return o
}

// Table holds the rows that this node owns. A row must fit into a frame
// between nodes; the caller sees to that.
type Table struct {
	inc     core.Incarnation
	opts    Options
	rows    store
	log     writeLog
	version uint64 // of the last write; 0 before the first
	layout  uint64 // counts the times that rows changed slots
	mark    uint32 // of the delta being built
	counts  feedCounts
}

// NewTable returns an empty table at version 0 of this incarnation.
func NewTable(inc core.Incarnation, o Options) *Table {
	return &Table{inc: inc, opts: o.withDefaults(), rows: newStore()}
}

// Set writes a row, with a copy of value, and returns the version of the
// row's last write. A value that is there already is not written again.
func (t *Table) Set(key string, value []byte) uint64 {
	if r, _ := t.rows.find(key); r != nil && r.state == live && r.value == string(value) {
		return r.version
	}
	r, slot := t.rows.put(key, string(value))
	return t.wrote(r, slot)
}

// Delete removes a row and returns the version of the row's last write: 0 if
// there was none, or none that is remembered.
func (t *Table) Delete(key string) uint64 {
	r, _ := t.rows.find(key)
	if r == nil {
		return 0
	}
	if r.state == deleted {
		return r.version
	}
	r, slot := t.rows.bury(key)
	return t.wrote(r, slot)
}

// wrote gives the write of a row its version and logs it.
func (t *Table) wrote(r *row, slot uint32) uint64 {
	t.version++
	version := t.version
	r.version = version
	t.log.push(slot, len(r.key)+len(r.value))
	for t.log.len() > t.opts.LogOps || t.log.bytes > t.opts.LogBytes {
		t.forget()
	}
	if t.rows.sparse() {
		t.log.move(t.rows.compact())
		t.layout++
	}
	return version
}

// forget drops the oldest write of the log, and with it the tombstone that
// only this write needed.
func (t *Table) forget() {
	oldest := t.floor() + 1
	slot := t.log.pop()
	if r := t.rows.at(slot); r.state == deleted && r.version == oldest {
		t.rows.remove(slot)
	}
}

// floor is the lowest version from which the log leads to the present.
func (t *Table) floor() uint64 { return t.version - uint64(t.log.len()) }

// Get returns a copy of the value of a row.
func (t *Table) Get(key string) (value []byte, ok bool) {
	r, _ := t.rows.find(key)
	if r == nil || r.state != live {
		return nil, false
	}
	return []byte(r.value), true
}

// RowVersion returns the version of the last write of a row, a deletion
// included; 0 if there was none, or none that is remembered.
func (t *Table) RowVersion(key string) uint64 {
	if r, _ := t.rows.find(key); r != nil {
		return r.version
	}
	return 0
}

// Incarnation returns that of the table's owner.
func (t *Table) Incarnation() core.Incarnation { return t.inc }

// Version returns the version of the last write, 0 before the first.
func (t *Table) Version() uint64 { return t.version }

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows.live }

// Rows yields all rows in no useful order, which is the same after the same
// writes. The table must not be written meanwhile.
func (t *Table) Rows() iter.Seq2[string, []byte] { return t.rows.all() }

// Counts returns the counters of all feeds of this table.
func (t *Table) Counts() []core.Count { return t.counts.list() }
