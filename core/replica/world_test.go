package replica

import (
	"fmt"
	"maps"
	"time"

	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// world is one table, one copy and a bad link between them, with the twins
// that both are checked against.
type world struct {
	t      *rapid.T
	now    time.Time
	opts   Options
	table  *Table
	feed   *Feed // nil while the link is down
	copy   *Copy
	there  []Message         // on the way to the copy
	back   []Message         // on the way to the feed
	owned  map[string]string // twin of table
	effect map[string]string // twin of copy, from its changes
	born   map[string]uint64 // version at which a row that is owned came to be
	must   map[string]bool   // in effect since some moment of that life
	last   Have
	late   bool // messages outlive their link
}

var tiny = Options{LogOps: 12, LogBytes: 90, DeltaOps: 3, DeltaBytes: 70, ChunkBytes: 70}

func newWorld(t *rapid.T) *world {
	return &world{
		t: t, now: time.Unix(1000, 0), opts: tiny, table: NewTable(1, tiny), copy: NewCopy(Limits{}),
		owned: map[string]string{}, effect: map[string]string{}, born: map[string]uint64{}, must: map[string]bool{},
	}
}

func key(n int) string { return fmt.Sprintf("k%d", n) }

func (w *world) set(k, v string) {
	version := w.table.Set(k, []byte(v))
	if _, ok := w.owned[k]; !ok {
		w.born[k] = version
	}
	w.owned[k] = v
}

func (w *world) delete(k string) {
	w.table.Delete(k)
	delete(w.owned, k)
	delete(w.must, k)
}

// restart begins a new incarnation of the owner, which keeps some rows.
func (w *world) restart(keep func(string) bool) {
	w.down()
	w.table = NewTable(w.table.Incarnation()+1, w.opts)
	for n := range keys {
		k := key(n)
		if v, ok := w.owned[k]; ok && keep(k) {
			w.born[k] = w.table.Set(k, []byte(v))
		} else {
			delete(w.owned, k)
			delete(w.must, k)
		}
	}
}

func (w *world) down() {
	w.feed = nil
	if !w.late {
		w.there, w.back = nil, nil
	}
}

func (w *world) up() {
	w.down()
	if err := w.copy.Meet(w.table.Incarnation()); err != nil {
		w.t.Fatal(err)
	}
	w.feed = NewFeed(w.table, w.copy.Have())
}

// pump sends what the feed has, at most n messages.
func (w *world) pump(n int) {
	for range n {
		if w.feed == nil {
			return
		}
		m, ok := w.feed.Next(w.now)
		if !ok {
			return
		}
		w.checkSize(m)
		w.there = append(w.there, m)
	}
}

func (w *world) checkSize(m Message) {
	d, ok := m.(Delta)
	seen := map[string]bool{}
	for _, o := range d.Ops {
		if seen[o.Key] {
			w.t.Fatalf("key %s twice in %+v", o.Key, d)
		}
		seen[o.Key] = true
	}
	if ok && (len(d.Ops) > w.opts.DeltaOps || d.From >= d.To) {
		w.t.Fatalf("bad delta %+v", d)
	}
}

// arrive hands over the i-th message on the way to the copy.
func (w *world) arrive(i int) {
	m := w.there[i]
	w.there = append(w.there[:i:i], w.there[i+1:]...)
	w.receive(m)
}

func (w *world) receive(m Message) {
	var changes []Change
	var reply Message
	switch m := m.(type) {
	case Delta:
		changes, reply = w.copy.Delta(m)
	case Snapshot:
		changes, reply = w.copy.Snapshot(m)
	}
	for _, c := range changes {
		if c.Deleted {
			delete(w.effect, c.Key)
		} else {
			w.effect[c.Key] = string(c.Value)
		}
	}
	if reply != nil {
		w.back = append(w.back, reply)
	}
}

// answer hands over the i-th message on the way to the feed.
func (w *world) answer(i int) {
	m := w.back[i]
	w.back = append(w.back[:i:i], w.back[i+1:]...)
	var err error
	inc := w.table.inc
	switch m := m.(type) {
	case Ack:
		inc, err = m.Incarnation, w.feed.Ack(m)
	case Pull:
		inc, err = m.Incarnation, w.feed.Pull(m)
	}
	if (err != nil) != (inc != w.table.inc) {
		w.t.Fatalf("answer %+v: %v", m, err)
	}
}

// check holds after every step.
func (w *world) check() {
	if !maps.Equal(w.effect, collect(w.copy.Rows())) {
		w.t.Fatalf("changes say %v, copy holds %v", w.effect, collect(w.copy.Rows()))
	}
	have := w.copy.Have()
	if have.Incarnation < w.last.Incarnation || have.Incarnation == w.last.Incarnation && have.Version < w.last.Version {
		w.t.Fatalf("went back from %+v to %+v", w.last, have)
	}
	w.last = have
	for k := range w.must {
		if _, ok := w.effect[k]; !ok {
			w.t.Fatalf("hole: %s was in effect and owned all the time", k)
		}
	}
	for k := range w.effect {
		r, _ := w.copy.rows.find(k)
		now := w.copy.inc == w.table.inc && w.copy.comparable(r)
		if _, ok := w.owned[k]; ok && now && r.version >= w.born[k] {
			w.must[k] = true
		}
	}
	w.checkAcked()
}

// checkAcked: a write that is acked is in effect, or a later one of its row.
func (w *world) checkAcked() {
	if w.feed == nil || !w.copy.Complete() {
		return
	}
	for n := range keys {
		k := key(n)
		want, owned := w.owned[k]
		if v := w.table.RowVersion(k); v == 0 || v > w.feed.Acked() {
			continue
		}
		if got, ok := w.effect[k]; ok != owned || got != want {
			w.t.Fatalf("%s: acked %d, want %q %v, in effect %q %v", k, w.feed.Acked(), want, owned, got, ok)
		}
	}
}

// settle runs a good link until nothing moves.
func (w *world) settle() {
	for range 2000 {
		w.pump(8)
		for len(w.there) > 0 {
			w.arrive(0)
		}
		for len(w.back) > 0 {
			w.answer(0)
		}
		w.check()
		if w.feed.Deadline().IsZero() && w.feed.Acked() == w.table.Version() && w.copy.Complete() {
			return
		}
		if d := w.feed.Deadline(); d.After(w.now) {
			w.now = d
		}
	}
	w.t.Fatalf("not in step: feed %+v, copy %+v", w.feed, w.copy.Have())
}

func (w *world) converged() {
	if !maps.Equal(w.owned, w.effect) || !maps.Equal(w.owned, collect(w.table.Rows())) {
		w.t.Fatalf("want %v, table %v, copy %v", w.owned, collect(w.table.Rows()), w.effect)
	}
	want := Have{Incarnation: w.table.Incarnation(), Version: w.table.Version(), Complete: true}
	if got := w.copy.Have(); got != want {
		w.t.Fatalf("have %+v, want %+v", got, want)
	}
}

func collect(rows func(func(string, []byte) bool)) map[string]string {
	m := map[string]string{}
	for k, v := range rows {
		m[k] = string(v)
	}
	return m
}

// countOf returns the sum of the counters of a name, or of one reason of it.
func countOf(list []core.Count, name, reason string) (sum uint64) {
	for _, c := range list {
		if c.Name == name && (reason == "" || c.Reason == reason) {
			sum += c.Value
		}
	}
	return sum
}
