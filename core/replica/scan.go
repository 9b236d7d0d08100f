package replica

// window is how many parts of a snapshot are under way at once: with full
// parts, 1 MB to each peer.
const window = 4

// scan is a walk over the slots of a table for one snapshot. Position 0 is
// the Begin part, position i+1 is slot i, and position end is the End part.
// Positions mean the same however often a part is made, so what was lost is
// made again from the rows as they are then.
type scan struct {
	active  bool
	version uint64 // of the table when the scan began
	layout  uint64
	count   uint64
	end     uint64
	acked   uint64 // next position that the peer wants
	next    uint64 // next position to send
	ends    [window]uint64
	parts   int // in ends: parts under way, oldest first
}

func newScan(t *Table) scan {
	return scan{
		active: true, version: t.version, layout: t.layout,
		count: uint64(t.rows.live), end: uint64(t.rows.slots) + 1,
	}
}

// is says that this is the scan that began at version.
func (s *scan) is(version uint64) bool { return s.active && s.version == version }

// fresh says that the Begin part, without which nothing else is of use, has
// yet to be sent.
func (s *scan) fresh() bool { return s.active && s.next == 0 }

// flying returns the number of parts under way.
func (s *scan) flying() int { return s.parts }

// rewind forgets what is under way.
func (s *scan) rewind() { s.next, s.parts = s.acked, 0 }

// ack takes in the position that the peer wants next; false if that is no
// news. It may be further than what was sent: a copy keeps what it has of a
// snapshot when the link goes, and the next feed may begin at the same version.
func (s *scan) ack(position uint64) bool {
	if position <= s.acked {
		return false
	}
	s.acked, s.next = position, max(s.next, position)
	done := 0
	for done < s.parts && s.ends[done] <= position {
		done++
	}
	s.parts = copy(s.ends[:], s.ends[done:s.parts])
	return true
}

// part makes the next part, if there is one and the window is open.
func (s *scan) part(t *Table) (Snapshot, bool) {
	if !s.active || s.parts == window || s.next > s.end {
		return Snapshot{}, false
	}
	p := Snapshot{Incarnation: t.inc, Version: s.version, From: s.next, To: s.next + 1}
	switch s.next {
	case 0:
		p.Part, p.Count = Begin, s.count
	case s.end:
		p.Part = End
	default:
		p.Part = Rows
		p.Rows, p.To = t.chunk(s.next, s.end)
	}
	s.next = p.To
	s.ends[s.parts] = p.To
	s.parts++
	return p, true
}

// chunk returns the rows at the positions [from, to), to <= end, as many as
// fit into one part, and at least one if there is any.
func (t *Table) chunk(from, end uint64) (ops []Op, to uint64) {
	size := 0
	for to = from; to < end; to++ {
		r := t.rows.at(uint32(to - 1))
		if r.state != live {
			continue
		}
		size += opSize(r.key, r.value)
		if size > t.opts.ChunkBytes && len(ops) > 0 {
			break
		}
		ops = append(ops, r.op())
	}
	return ops, to
}

// since returns what was written after version from, which the log must
// reach, up to the limits of a delta. A row goes once, as it is now.
func (t *Table) since(from uint64) Delta {
	d := Delta{Incarnation: t.inc, From: from, To: from}
	t.nextMark()
	size := 0
	for i := int(from - t.floor()); i < t.log.len() && len(d.Ops) < t.opts.DeltaOps; i++ {
		r := t.rows.at(t.log.at(i))
		if r.mark != t.mark {
			size += opSize(r.key, r.value)
			if size > t.opts.DeltaBytes && len(d.Ops) > 0 {
				break
			}
			r.mark = t.mark
			d.Ops = append(d.Ops, r.op())
		}
		d.To++
	}
	return d
}

// nextMark chooses a mark that no row has.
func (t *Table) nextMark() {
	t.mark++
	if t.mark != 0 {
		return
	}
	for slot := range t.rows.slots {
		t.rows.at(slot).mark = 0
	}
	t.mark = 1
}

func (r *row) op() Op {
	o := Op{Key: r.key, Deleted: r.state == deleted, Version: r.version}
	if len(r.value) > 0 {
		o.Value = []byte(r.value)
	}
	return o
}
