package mem

import (
	"time"
)

// overhead is what a frame occupies in a queue besides its bytes.
const overhead = 4

// pipe is one direction of a link. Everything in it is guarded by the
// network's mu; the two channels only wake who waits for a change.
type pipe struct {
	net      *Network
	from, to *link
	queue    []parcel  // in the order of arrival
	held     int       // bytes queued, or lost in a breaking cut
	lastDue  time.Time // arrival of the newest parcel
	ended    bool      // the sender closed; effective from endDue on
	endDue   time.Time
	owesEnd  bool          // a cut swallowed the end
	arrival  chan struct{} // wakes Receive
	room     chan struct{} // wakes Send
}

// parcel is a frame and when it arrives.
type parcel struct {
	frame []byte
	due   time.Time
}

func newPipe(from, to *link) *pipe {
	return &pipe{
		net: from.owner.net, from: from, to: to,
		arrival: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// runs reports whether p leads from one address to the other.
func (p *pipe) runs(from, to string) bool { return p.from.addr == from && p.to.addr == to }

// full reports whether a frame of that length must wait.
func (p *pipe) full(length int) bool {
	return p.held > 0 && p.held+length+overhead > p.net.opts.Queue
}

// carry puts a copy of frame on its way. This is the one place where faults
// of the path act on a frame.
func (p *pipe) carry(frame []byte, now time.Time) {
	path := p.net.path(p.from.addr, p.to.addr)
	if path.cut != open {
		p.drop(len(frame), path.cut)
		return
	}
	p.held += len(frame) + overhead
	p.lastDue = later(p.lastDue, now.Add(path.travel()))
	p.queue = append(p.queue, parcel{frame: append([]byte{}, frame...), due: p.lastDue})
	wake(p.arrival)
}

// drop counts a frame that vanished. In a breaking cut its bytes stay held,
// as TCP holds what nobody acknowledged.
func (p *pipe) drop(length int, how cut) {
	p.net.stats.Lost++
	if how == breaking {
		p.held += length + overhead
		p.from.conn.broken = true
	}
}

// lose takes out what is still in flight when a cut begins.
func (p *pipe) lose(now time.Time, how cut) {
	arrived := 0
	for arrived < len(p.queue) && !p.queue[arrived].due.After(now) {
		arrived++
	}
	for _, gone := range p.queue[arrived:] {
		p.held -= len(gone.frame) + overhead
		p.drop(len(gone.frame), how)
	}
	clear(p.queue[arrived:])
	p.queue = p.queue[:arrived]
	if p.ended && p.endDue.After(now) {
		p.ended, p.owesEnd = false, true
	}
	wake(p.room)
}

// take returns the frame that has arrived, or how long until the next change
// that is already certain: negative if none is.
func (p *pipe) take(now time.Time) (frame []byte, ok bool, wait time.Duration) {
	if len(p.queue) == 0 {
		return nil, false, p.untilEnd(now)
	}
	head := p.queue[0]
	if wait = head.due.Sub(now); wait > 0 {
		return nil, false, wait
	}
	p.queue[0] = parcel{}
	p.queue = p.queue[1:]
	p.held -= len(head.frame) + overhead
	wake(p.room)
	return head.frame, true, 0
}

// untilEnd is how long until the sender's close arrives: 0 if it has, and
// negative if it has not closed.
func (p *pipe) untilEnd(now time.Time) time.Duration {
	if !p.ended {
		return -1
	}
	return max(0, p.endDue.Sub(now))
}

// sayEnd tells the receiver, behind all frames, that the sender closed. In a
// cut that has to wait for the heal.
func (p *pipe) sayEnd(now time.Time) {
	path := p.net.path(p.from.addr, p.to.addr)
	if path.cut != open {
		p.owesEnd = true
		return
	}
	p.owesEnd, p.ended = false, true
	p.endDue = later(p.lastDue, now.Add(path.travel()))
	wake(p.arrival)
	wake(p.to.out.room)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wake leaves a mark for the one goroutine that may wait on c.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
