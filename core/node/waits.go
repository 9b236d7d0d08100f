package node

// wait is one publish that waits for the acknowledgement of its sequence.
type wait struct {
	seq uint64
	pub *publication
}

// waits are those of a lane, in the order of their sequences. A lane may hold
// hundreds of thousands of small messages, and each acknowledgement takes some:
// what is left is not moved each time.
type waits struct {
	list []wait
	head int // of list; what is before it was taken
}

func (w *waits) add(seq uint64, pub *publication) { w.list = append(w.list, wait{seq, pub}) }

// take removes those up to a sequence and returns their publishes.
func (w *waits) take(seq uint64) []*publication {
	rest := w.list[w.head:]
	n := 0
	for n < len(rest) && rest[n].seq <= seq {
		n++
	}
	if n == 0 {
		return nil
	}
	out := make([]*publication, n)
	for i, x := range rest[:n] {
		out[i] = x.pub
	}
	clear(rest[:n])
	if w.head += n; w.head > len(w.list)/2 {
		w.compact()
	}
	return out
}

// compact moves what is left to the front, when that is less than what was
// taken: so no wait is moved twice on average.
func (w *waits) compact() {
	n := copy(w.list, w.list[w.head:])
	clear(w.list[n:])
	w.list, w.head = w.list[:n], 0
}
