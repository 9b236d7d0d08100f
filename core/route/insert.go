package route

import (
	"strings"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
)

// wild says whether a filter, which must be valid, has wildcards.
func wild(f string) bool { return strings.ContainsAny(f, "+#") }

// find returns the number of the entry of a filter, 0 if it has none.
func (a *arena[V]) find(f core.Filter) uint32 {
	if !wild(string(f)) {
		return a.findExact(string(f))
	}
	at, rest, more := uint32(root), string(f), true
	for more && at != 0 {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		switch n := a.nodes.at(at); level {
		case "#":
			if more { // not a filter
				return 0
			}
			return n.rest.Load()
		case "+":
			at = n.plus.Load()
		default:
			at = a.child(at, level, a.hash(level))
		}
	}
	if at == 0 {
		return 0
	}
	return a.nodes.at(at).ends.Load()
}

// room says whether one more filter fits.
func (a *arena[V]) room(f core.Filter) bool {
	if !wild(string(f)) {
		return !a.exact.full(1)
	}
	return !a.edges.full(strings.Count(string(f), "/") + 1)
}

// insert adds a filter that is valid, not in the arena, and has room.
func (a *arena[V]) insert(f core.Filter, value *V) {
	number, e := a.entries.grow()
	e.filter = a.text.add(string(f))
	e.value.Store(value)
	a.size += len(f)
	if wild(string(f)) {
		a.insertWild(string(f), number, e.filter)
	} else {
		hash := a.hash(string(f))
		a.exact.put(hash, uint32(hash>>32), number)
	}
	a.count.Store(number)
}

// insertWild publishes an entry in the trie, with the nodes that lack.
func (a *arena[V]) insertWild(f string, number uint32, text span) {
	at, levels, rest, more := uint32(root), uint32(0), f, true
	for more {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" {
			a.reach(levels)
			a.nodes.at(at).rest.Store(number)
			return
		}
		levels++
		segment := span{chunk: text.chunk, offset: text.offset, length: uint16(len(level))}
		text.offset += uint16(len(level)) + 1
		if level == "+" {
			at = a.follow(&a.nodes.at(at).plus, segment)
		} else {
			at = a.descend(at, level, segment)
		}
	}
	a.reach(levels)
	a.nodes.at(at).ends.Store(number)
}

// reach raises the depth before a filter of that many levels is published.
func (a *arena[V]) reach(levels uint32) { a.depth.Store(max(a.depth.Load(), levels)) }

func (a *arena[V]) follow(plus *atomic.Uint32, segment span) uint32 {
	at := plus.Load()
	if at == 0 {
		at = a.addNode(segment)
		plus.Store(at)
	}
	return at
}

func (a *arena[V]) descend(parent uint32, level string, segment span) uint32 {
	hash := a.hash(level)
	at := a.child(parent, level, hash)
	if at == 0 {
		at = a.addNode(segment)
		a.edges.put(edge(hash, parent), parent, at)
	}
	return at
}

func (a *arena[V]) addNode(segment span) uint32 {
	number, n := a.nodes.grow()
	n.segment = segment
	return number
}

// minDead is how many dead entries, and minDeadBytes how many bytes of them,
// are not worth a new arena.
const (
	minDead      = 1024
	minDeadBytes = 1 << 20
)

// worn says that a quarter of the arena is dead.
func (a *arena[V]) worn() bool {
	return a.dead > minDead && a.dead*4 > a.count.Load() ||
		a.deadLen > minDeadBytes && a.deadLen*4 > a.size
}

// rebuild returns an arena of the live entries with room for one more filter.
func (a *arena[V]) rebuild(next core.Filter) *arena[V] {
	exact, edges := 0, strings.Count(string(next), "/")+1
	a.each(func(e *entry[V]) bool {
		if !wild(a.text.get(e.filter)) {
			exact++
		}
		return true
	})
	b := newArena[V](a.seed, exact+1, a.edges.used+edges)
	a.each(func(e *entry[V]) bool {
		b.insert(core.Filter(a.text.get(e.filter)), e.value.Load())
		return true
	})
	return b
}

// each calls yield for the live entries in the order of their insertion.
func (a *arena[V]) each(yield func(*entry[V]) bool) {
	for number := uint32(1); number <= a.count.Load(); number++ {
		if e := a.entries.at(number); e.value.Load() != nil && !yield(e) {
			return
		}
	}
}
