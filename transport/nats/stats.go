package nats

// counts are what a Transport counts; guarded by its mu.
type counts struct {
	refusedFull, refusedSource         uint64
	lost, doubled, overrun             uint64
	malformed, stray, crowded, offline uint64
	slowConsumer, denied, disconnects  uint64
	unheard, twins                     uint64
}

func (t *Transport) add(f func(*counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.count)
}

// Stats counts what a Transport did since Listen.
type Stats struct {
	Connected bool // to a server, now
	Links     int  // open now, those that wait for Accept included
	Pending   int  // waiting for Accept now

	RefusedFull   uint64 // links refused because MaxPending or MaxLinks were reached
	RefusedSource uint64 // because MaxPerSource links of that node waited
	Lost          uint64 // links ended because a packet was missing
	Overrun       uint64 // links ended because the peer sent more than it may
	Doubled       uint64 // packets that came twice and were passed over
	Malformed     uint64 // messages that are no packets
	Stray         uint64 // packets of links that are not there
	Crowded       uint64 // packets without a body dropped, the outbox being full
	Offline       uint64 // the same, no server being there
	SlowConsumer  uint64 // times that the client has dropped messages for us
	Denied        uint64 // times that the server has denied us a subject
	Disconnects   uint64 // connections lost
	Unheard       uint64 // nodes heard and not remembered, there being too many
	Twins         uint64 // times that another process with this uid was heard
}

// Stats returns the counters as they are now.
func (t *Transport) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.count
	return Stats{
		Connected: t.up.Load(), Links: len(t.links), Pending: len(t.pending),
		RefusedFull: c.refusedFull, RefusedSource: c.refusedSource,
		Lost: c.lost, Overrun: c.overrun, Doubled: c.doubled, Malformed: c.malformed, Stray: c.stray,
		Crowded: c.crowded, Offline: c.offline,
		SlowConsumer: c.slowConsumer, Denied: c.denied, Disconnects: c.disconnects, Unheard: c.unheard, Twins: c.twins,
	}
}
