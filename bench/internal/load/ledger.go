package load

// Tally is what a ledger counted.
type Tally struct {
	Received   uint64 `json:"received"`   // marked messages of this run, all of them
	Unique     uint64 `json:"unique"`     // each message once
	Duplicates uint64 `json:"duplicates"` // a message that had come before
	Reordered  uint64 `json:"reordered"`  // a new message after a later one of its publisher
	Missing    uint64 `json:"missing"`    // expected, and never seen
	Foreign    uint64 `json:"foreign"`    // without our mark, of another run, or never sent
}

// Add sums up two tallies.
func (t *Tally) Add(u Tally) {
	t.Received += u.Received
	t.Unique += u.Unique
	t.Duplicates += u.Duplicates
	t.Reordered += u.Reordered
	t.Missing += u.Missing
	t.Foreign += u.Foreign
}

// ledger notes which messages one subscriber has seen.
type ledger struct {
	run      uint32
	first    uint32     // the lowest number of a publisher that is expected
	messages uint64     // expected of each publisher
	seen     [][]uint64 // by publisher, a bit for each sequence
	highest  []uint64   // by publisher
	tally    Tally
}

// newLedger expects the sequences 1 to messages of each publisher.
func newLedger(run uint32, publishers int, messages uint64) *ledger {
	l := &ledger{run: run, messages: messages, highest: make([]uint64, publishers)}
	for range publishers {
		l.seen = append(l.seen, make([]uint64, messages/64+1))
	}
	return l
}

// note enters a message and reports whether it is one that was expected.
func (l *ledger) note(m mark) bool {
	if m.run != l.run || m.publisher < l.first || uint64(m.publisher-l.first) >= uint64(len(l.seen)) || m.sequence == 0 || m.sequence > l.messages {
		l.tally.Foreign++
		return false
	}
	l.tally.Received++
	from := m.publisher - l.first
	word, bit := &l.seen[from][m.sequence/64], uint64(1)<<(m.sequence%64)
	switch {
	case *word&bit != 0:
		l.tally.Duplicates++
		return true
	case m.sequence < l.highest[from]:
		l.tally.Reordered++
	default:
		l.highest[from] = m.sequence
	}
	*word |= bit
	l.tally.Unique++
	return true
}

// complete reports whether every expected message has come.
func (l *ledger) complete() bool { return l.tally.Unique == l.expected() }

func (l *ledger) expected() uint64 { return uint64(len(l.seen)) * l.messages }

// close returns the counts, with what is missing.
func (l *ledger) close() Tally {
	t := l.tally
	t.Missing = l.expected() - t.Unique
	return t
}
