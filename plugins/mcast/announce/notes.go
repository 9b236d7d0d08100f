package announce

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	noteLife = 5 * time.Minute // after it was last true
	maxNotes = 4               // of one kind
)

// The kinds of notes, and the words for those that are too many.
const (
	noteKey   = "other addresses send frames of this cluster under another key, too"
	noteClock = "other nodes have clocks that differ too much, too"
	noteFlood = "other addresses send too many frames, too"
	noteTwin  = "this node's uid is announced from other addresses, too"
)

// notes are what an operator should know, in words that stay the same for as
// long as it is true. They are bounded whoever causes them. Not safe for
// concurrent use.
type notes struct {
	kinds map[string]map[string]time.Time // kind → words → last seen
	more  map[string]time.Time            // kind → when there was no room for a note
}

func newNotes() *notes {
	return &notes{kinds: map[string]map[string]time.Time{}, more: map[string]time.Time{}}
}

func (n *notes) add(now time.Time, kind, format string, args ...any) {
	of := n.kinds[kind]
	if of == nil {
		of = map[string]time.Time{}
		n.kinds[kind] = of
	}
	text := fmt.Sprintf(format, args...)
	if _, known := of[text]; !known && len(of) >= maxNotes {
		n.more[kind] = now
		return
	}
	of[text] = now
}

// texts are the notes that are still true, sorted.
func (n *notes) texts(now time.Time) []string {
	var out []string
	old := func(_ string, seen time.Time) bool { return now.Sub(seen) >= noteLife }
	for _, of := range n.kinds {
		maps.DeleteFunc(of, old)
		out = slices.AppendSeq(out, maps.Keys(of))
	}
	maps.DeleteFunc(n.more, old)
	out = slices.AppendSeq(out, maps.Keys(n.more))
	slices.Sort(out)
	return slices.Compact(out)
}
