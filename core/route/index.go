package route

import (
	"fmt"
	"hash/maphash"
	"iter"
	"strings"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// Index maps filters to values. Match, Get, Len and All may be called by any
// number of goroutines at any time; Update by one at a time.
type Index[V any] struct {
	arena atomic.Pointer[arena[V]]
	live  atomic.Int64
}

// NewIndex returns an empty index. Its hashes have a key of their own, so
// that nobody can choose filters that collide.
func NewIndex[V any]() *Index[V] {
	x := &Index[V]{}
	x.arena.Store(newArena[V](maphash.MakeSeed(), 0, 0))
	return x
}

// Update replaces the value of a filter by what change returns; change is
// called once, with nil if there is no value, and returns nil to have none.
// Readers see the old value or the new one. A value must not be changed after
// that, other than atomically. For a filter that MQTT does not allow it
// returns the error of its Check and change is not called.
func (x *Index[V]) Update(f core.Filter, change func(old *V) *V) error {
	a := x.arena.Load()
	if number := a.find(f); number != 0 {
		x.replace(a, number, change)
		return nil
	}
	if err := f.Check(); err != nil {
		return fmt.Errorf("filter %.80q: %w", f, err)
	}
	value := change(nil)
	if value == nil {
		return nil
	}
	if !a.room(f) {
		a = a.rebuild(f)
		a.insert(f, value)
		x.arena.Store(a)
	} else {
		a.insert(f, value)
	}
	x.live.Add(1)
	return nil
}

// replace changes the value of an entry, which may be dead before or after.
func (x *Index[V]) replace(a *arena[V], number uint32, change func(old *V) *V) {
	e := a.entries.at(number)
	old := e.value.Load()
	value := change(old)
	if value == old {
		return
	}
	e.value.Store(value)
	switch {
	case old == nil:
		a.dead--
		a.deadLen -= int(e.filter.length)
		x.live.Add(1)
	case value == nil:
		a.dead++
		a.deadLen += int(e.filter.length)
		x.live.Add(-1)
		if a.worn() {
			x.arena.Store(a.rebuild(""))
		}
	}
}

// Get returns the value of a filter, nil if it has none.
func (x *Index[V]) Get(f core.Filter) *V {
	a := x.arena.Load()
	if number := a.find(f); number != 0 {
		return a.entries.at(number).value.Load()
	}
	return nil
}

// Match appends the values of all filters that match the topic to buf, in no
// useful order.
func (x *Index[V]) Match(t core.Topic, buf []*V) []*V {
	x.arena.Load().visit(string(t), func(_ *entry[V], v *V) { buf = append(buf, v) })
	return buf
}

// matches calls yield for the filters that match the topic.
func (x *Index[V]) matches(t core.Topic, yield func(core.Filter, *V)) {
	a := x.arena.Load()
	a.visit(string(t), func(e *entry[V], v *V) { yield(core.Filter(strings.Clone(a.text.get(e.filter))), v) })
}

// Len returns the number of filters that have a value.
func (x *Index[V]) Len() int { return int(x.live.Load()) }

// All yields all filters and their values, unsorted. It shows each filter
// that is there throughout; others may or may not be shown.
func (x *Index[V]) All() iter.Seq2[core.Filter, *V] {
	return func(yield func(core.Filter, *V) bool) {
		a := x.arena.Load()
		a.each(func(e *entry[V]) bool {
			v := e.value.Load()
			return v == nil || yield(core.Filter(strings.Clone(a.text.get(e.filter))), v)
		})
	}
}
