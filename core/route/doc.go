// Package route finds the filters that match a topic, and from them the nodes
// that a publish goes to.
//
// Index maps filters to values: exact filters in one hash table, filters with
// wildcards in a trie whose edges are in another. Table holds the routes of
// all nodes in such an index, one bit a node, with a mask for the nodes that
// are live. Readers take no lock, wait for nobody and allocate nothing for
// topics of up to 32 levels; writers are serialised by the caller.
//
// All records are in an arena, whose places are used once. What was removed
// stays there, dead, until a quarter of the arena is dead; then the writer
// makes a new arena and swaps it in, and the collector frees the old one when
// the last reader has left it. So a reader always sees a whole structure, and
// a filter that is there throughout is never missed.
package route
