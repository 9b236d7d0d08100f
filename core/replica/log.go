package replica

// write is one entry of the log: the slot of the row written, and the bytes
// of its key and value then. Its version follows from its place.
type write struct {
	slot uint32
	size uint32
}

// writeLog remembers which rows the last writes were to, oldest first.
type writeLog struct {
	entries []write
	head    int // entries before it are forgotten
	bytes   int
}

func (l *writeLog) len() int { return len(l.entries) - l.head }

// at returns the slot of the i-th write from the oldest.
func (l *writeLog) at(i int) uint32 { return l.entries[l.head+i].slot }

func (l *writeLog) push(slot uint32, size int) {
	l.entries = append(l.entries, write{slot: slot, size: uint32(size)})
	l.bytes += size
}

func (l *writeLog) pop() uint32 {
	w := l.entries[l.head]
	l.head++
	l.bytes -= int(w.size)
	if l.head > 64 && l.head > len(l.entries)/2 {
		l.entries = append(l.entries[:0], l.entries[l.head:]...)
		l.head = 0
	}
	return w.slot
}

// move follows rows to their new slots.
func (l *writeLog) move(to []uint32) {
	for i := l.head; i < len(l.entries); i++ {
		l.entries[i].slot = to[l.entries[i].slot]
	}
}
