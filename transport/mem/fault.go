package mem

import (
	"maps"
	"slices"
	"time"
)

// Cut makes frames from one address to the other vanish, those in flight
// included, as in a network that is silently dead: links stay up, and Send
// blocks once Queue bytes are lost; a Dial in either direction waits. The
// heal resets the links that lost frames, as TCP does after a long cut, once
// both directions are open.
func (n *Network) Cut(from, to string) { n.sever(from, to, breaking) }

// CutLossy is Cut, but links live on after the heal without what they lost,
// and Send does not block meanwhile. A link that one side closed still ends.
func (n *Network) CutLossy(from, to string) { n.sever(from, to, lossy) }

// Split cuts every pair of addresses in different groups, both ways.
func (n *Network) Split(groups ...[]string) {
	for i, group := range groups {
		for _, other := range slices.Concat(groups[i+1:]...) {
			for _, addr := range group {
				n.Cut(addr, other)
				n.Cut(other, addr)
			}
		}
	}
}

// Heal lets frames from one address to the other pass again.
func (n *Network) Heal(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heal(pair{from, to})
}

// HealAll undoes every Cut and CutLossy. Delays stay.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(n.paths), pair.compare) {
		n.heal(key)
	}
}

// compare orders pairs by their texts.
func (p pair) compare(q pair) int {
	return slices.Compare([]string{p.from, p.to}, []string{q.from, q.to})
}

func (n *Network) sever(from, to string, how cut) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(from, to).cut = how
	now := time.Now()
	for _, c := range n.sorted() {
		for _, p := range c.pipes() {
			if p.runs(from, to) {
				p.lose(now, how)
			}
		}
	}
}

// heal opens a path, says the goodbyes that it swallowed, and resets what
// cannot go on. The caller holds mu.
func (n *Network) heal(key pair) {
	p := n.path(key.from, key.to)
	if p.cut == open {
		return
	}
	p.cut = open
	for _, c := range n.sorted() {
		for _, p := range c.pipes() {
			if p.owesEnd && p.runs(key.from, key.to) {
				p.sayEnd(time.Now())
			}
		}
		if c.broken && n.isOpen(c.ends[0].addr, c.ends[1].addr) {
			n.stats.Reset++
			c.reset()
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// isOpen reports whether frames pass in both directions. The caller holds mu.
func (n *Network) isOpen(a, b string) bool {
	return n.path(a, b).cut == open && n.path(b, a).cut == open
}
