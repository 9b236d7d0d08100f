package retained

import (
	"time"

	"github.com/muster-mqtt/muster/core"
)

// stream is the tombstones in the order in which this node got them, each
// with a number. A peer acknowledges numbers; one that all members have
// acknowledged is of no more use.
type stream struct {
	slots []slot // ascending by seq
	last  uint64 // the highest number given
	alive int    // slots that are tombstones still
	acked map[core.UID]uint64
}

// slot is a tombstone, unless its entry has another number by now.
type slot struct {
	e   *entry
	seq uint64
	at  time.Time
}

func (t slot) dead() bool { return t.e.seq != t.seq }

func (r *stream) push(e *entry, now time.Time) {
	r.last++
	e.seq = r.last
	r.slots = append(r.slots, slot{e: e, seq: r.last, at: now})
	r.alive++
}

// minDead is how many dead slots are not worth a clearing.
const minDead = 1024

// cancel says that an entry is no tombstone any more, if it was one.
func (r *stream) cancel(e *entry) {
	if e.seq == 0 {
		return
	}
	e.seq = 0
	r.alive--
	if len(r.slots)-r.alive > r.alive+minDead {
		kept := make([]slot, 0, r.alive)
		for _, t := range r.slots {
			if !t.dead() {
				kept = append(kept, t)
			}
		}
		r.slots = kept
	}
}

// trim drops the dead slots at the beginning.
func (r *stream) trim() {
	n := 0
	for n < len(r.slots) && r.slots[n].dead() {
		r.slots[n] = slot{}
		n++
	}
	r.slots = r.slots[n:]
}

// oldest returns the first tombstone; there must be one.
func (r *stream) oldest() *entry {
	r.trim()
	return r.slots[0].e
}

// after returns the tombstones behind a number, some limit bytes of them, and
// the number of the last.
func (r *stream) after(seq uint64, limit int) (keys []Key, to uint64) {
	i := r.search(seq + 1)
	for ; i < len(r.slots) && limit > 0; i++ {
		t := r.slots[i]
		if t.dead() {
			continue
		}
		keys, to = append(keys, Key{Topic: t.e.topic, Token: t.e.token}), t.seq
		limit -= len(t.e.topic) + keyBytes
	}
	return keys, to
}

// search returns the index of the first slot from a number on.
func (r *stream) search(seq uint64) int {
	low, high := 0, len(r.slots)
	for low < high {
		if mid := (low + high) / 2; r.slots[mid].seq < seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Collect forgets tombstones that every one of the members has acknowledged,
// self apart, once they have their age; at most max of them. It returns how
// many.
func (s *Store) Collect(now time.Time, members []core.UID, max int) (n int) {
	r := &s.stream
	need, known := r.last, map[core.UID]bool{}
	for _, u := range members {
		if u != s.opts.Self {
			need, known[u] = min(need, r.acked[u]), true
		}
	}
	for u := range r.acked { // the order does not matter: nothing comes out
		if !known[u] {
			delete(r.acked, u)
		}
	}
	for r.trim(); n < max && len(r.slots) > 0; r.trim() {
		t := r.slots[0]
		if t.seq > need || now.Sub(t.at) < s.opts.TombstoneAge {
			break
		}
		s.sweep(t.e)
		n++
	}
	return n
}
