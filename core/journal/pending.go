package journal

// pending are the records that are not with the writer yet. It is guarded by
// Journal.mu.
type pending struct {
	buf   []byte // room for the head of a batch, then records
	end   uint64 // records appended so far, all batches together
	holds int
	// overlap counts the holds since there was none; beyond maxOverlap a new
	// one waits for the gate, so that the writer gets its turn.
	overlap int
	gate    chan struct{} // closed when the last hold ends; nil: nobody waits
	cut     mark          // where the first of the present holds began
	// split is where the present segment begins, when what is before it has
	// not been taken yet; it lies at or before cut.
	split  mark
	splits bool
}

// mark is a position in pending.
type mark struct {
	offset int
	record uint64
}

// maxOverlap bounds how many holds may follow each other without a moment
// that has none.
const maxOverlap = 128

// reset makes it ready for records.
func (p *pending) reset() {
	p.buf = make([]byte, batchSize)
	p.cut = mark{offset: batchSize, record: p.end}
}

func (p *pending) add(kind byte, record []byte) {
	p.buf = appendRecord(p.buf, kind, record)
	p.end++
}

// writable is how far the writer may go now.
func (p *pending) writable() mark {
	switch {
	case p.splits:
		return p.split
	case p.holds > 0:
		return p.cut
	}
	return mark{offset: len(p.buf), record: p.end}
}

// full reports whether a record of n bytes has to wait, and the writer alone
// can make room for it.
func (p *pending) full(n, limit int) bool {
	return len(p.buf)+n > limit && p.writable().offset > batchSize
}

// hold begins a hold.
func (p *pending) hold() {
	if p.holds == 0 {
		p.cut = mark{offset: len(p.buf), record: p.end}
	}
	p.holds++
	p.overlap++
}

// release ends a hold and reports whether there is none left.
func (p *pending) release() bool {
	if p.holds = max(p.holds-1, 0); p.holds > 0 {
		return false
	}
	p.overlap = 0
	p.open()
	return true
}

// crowded returns what a new hold has to wait for, nil for nothing.
func (p *pending) crowded() <-chan struct{} {
	if p.holds == 0 || p.overlap < maxOverlap {
		return nil
	}
	if p.gate == nil {
		p.gate = make(chan struct{})
	}
	return p.gate
}

// open lets in the holds that wait.
func (p *pending) open() {
	if p.gate != nil {
		close(p.gate)
		p.gate = nil
	}
}

// divide makes what comes from here on belong to the next segment; there is
// no hold.
func (p *pending) divide() {
	if len(p.buf) > batchSize {
		p.split, p.splits = mark{offset: len(p.buf), record: p.end}, true
	}
}

// take moves what is writable into a batch; spare is memory for what stays.
func (p *pending) take(spare []byte) (records []byte, upTo uint64) {
	to := p.writable()
	if to.offset == batchSize {
		return nil, to.record
	}
	taken := p.buf
	rest := taken[to.offset:]
	p.buf = append(append(spare[:0], make([]byte, batchSize)...), rest...)
	shift := to.offset - batchSize
	p.cut.offset = max(p.cut.offset-shift, batchSize)
	p.splits = false
	return taken[:to.offset], to.record
}
