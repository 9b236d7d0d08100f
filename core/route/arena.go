package route

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// entry is one filter that is or was in the index; without a value it is
// dead.
type entry[V any] struct {
	value  atomic.Pointer[V]
	filter span
}

// node is a level of some wildcard filters. Its text is in the filter that it
// was made for. The numbers are those of other records, 0 for none.
type node struct {
	segment span
	plus    atomic.Uint32 // the node of '+' below this one
	ends    atomic.Uint32 // the entry of the filter that ends here
	rest    atomic.Uint32 // the entry of the filter that goes on with '#'
}

// root is the node above the first level.
const root = 1

// minSlots is the smallest hash table; a power of two.
const minSlots = 16

// arena is one generation of an index. Places in it are used once.
type arena[V any] struct {
	seed    maphash.Seed
	entries pages[entry[V]]
	nodes   pages[node]
	text    text
	exact   slots         // tag of the filter's hash, entry
	edges   slots         // parent node, child node
	depth   atomic.Uint32 // levels of the longest wildcard filter
	count   atomic.Uint32 // entries 1 to count are published
	dead    uint32        // of these without a value
	size    int           // bytes of all filters, and of the dead ones
	deadLen int
}

func newArena[V any](seed maphash.Seed, exact, edges int) *arena[V] {
	a := &arena[V]{seed: seed, exact: newSlots(exact), edges: newSlots(edges)}
	a.nodes.grow()
	return a
}

// slots is an open-addressing hash table of two numbers a slot. The low one
// is never 0 in a slot that is taken, and no slot is ever vacated.
type slots struct {
	words []atomic.Uint64
	used  int
}

func newSlots(n int) slots {
	size := minSlots
	if n > minSlots/2 {
		size = 1 << bits.Len(uint(2*n-1))
	}
	return slots{words: make([]atomic.Uint64, size)}
}

// full says that one more would fill more than three quarters.
func (s *slots) full(more int) bool { return (s.used+more)*4 > len(s.words)*3 }

// put publishes a record, which must be complete.
func (s *slots) put(hash uint64, high, low uint32) {
	mask := uint64(len(s.words) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if s.words[i].Load() == 0 {
			s.used++
			s.words[i].Store(uint64(high)<<32 | uint64(low))
			return
		}
	}
}

func (a *arena[V]) hash(s string) uint64 { return maphash.String(a.seed, s) }

// edge mixes the hash of a segment with the node above it.
func edge(segment uint64, parent uint32) uint64 {
	h := (segment ^ uint64(parent)*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// findExact returns the number of the entry of a filter without wildcards.
func (a *arena[V]) findExact(s string) uint32 {
	hash := a.hash(s)
	mask := uint64(len(a.exact.words) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		word := a.exact.words[i].Load()
		if word == 0 {
			return 0
		}
		if word>>32 == hash>>32 && a.is(a.entries.at(uint32(word)).filter, s) {
			return uint32(word)
		}
	}
}

// child returns the node of a segment, with this hash, below parent.
func (a *arena[V]) child(parent uint32, segment string, hash uint64) uint32 {
	mask := uint64(len(a.edges.words) - 1)
	for i := edge(hash, parent) & mask; ; i = (i + 1) & mask {
		word := a.edges.words[i].Load()
		if word == 0 {
			return 0
		}
		if uint32(word>>32) == parent && a.is(a.nodes.at(uint32(word)).segment, segment) {
			return uint32(word)
		}
	}
}

func (a *arena[V]) is(at span, s string) bool {
	return int(at.length) == len(s) && a.text.get(at) == s
}
