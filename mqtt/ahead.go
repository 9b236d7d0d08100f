package mqtt

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// aheadLimit is how much is read from a connection whose reader waits, in
// bytes.
const aheadLimit = 64 << 10

// ahead reads on while the reader of a connection waits, for the cluster to
// take a message or for messages to be acknowledged: so acknowledgements and
// PINGREQs pass. Everything else is kept, in its order, up to aheadLimit.
type ahead struct {
	kept  []packet.Packet // to be handled before anything else is read
	bytes int             // of kept
	err   error           // that ended the reading; it comes after kept

	done chan struct{} // closed when the goroutine has ended; nil: there is none

	mu      sync.Mutex
	waiting bool // between packets
	stop    bool
}

// publishing is the ctx of a publish: the cluster asks for Done when it is
// about to wait, and not before.
type publishing struct {
	context.Context
	c *conn
}

// Done implements context.Context.
func (p *publishing) Done() <-chan struct{} {
	p.c.readAhead()
	return p.Context.Done()
}

var _ context.Context = (*publishing)(nil)

// readAhead begins to read ahead, if it is not done already; the reader calls
// it.
func (c *conn) readAhead() {
	a := c.ahead
	if a == nil {
		a = &ahead{}
		c.ahead = a
		c.source.behind.Store(true)
	}
	if a.done != nil {
		select {
		case <-a.done: // it has ended by itself
			c.stopAhead()
		default:
			return
		}
	}
	if a.err != nil || a.bytes >= aheadLimit || c.out.crowded() {
		return
	}
	c.source.patient = true // keep-alive does not run [MQTT-3.1.2-22]
	if a.err = c.source.deadline(time.Time{}); a.err != nil {
		return
	}
	a.stop, a.done = false, make(chan struct{})
	c.broker.counters.add(readsAhead, 0, 1)
	go func() {
		defer close(a.done)
		defer func() {
			if p := recover(); p != nil {
				a.err = newPanicError(p)
			}
		}()
		for a.err == nil && a.bytes < aheadLimit && !c.out.crowded() && c.aheadOne() {
		}
	}()
}

// aheadOne reads a packet and handles or keeps it. It reports false when the
// reader wants to read again.
func (c *conn) aheadOne() bool {
	a := c.ahead
	if !a.rest(true) {
		return false
	}
	if c.empty() {
		a.err = c.source.await(c.in)
	}
	if !a.rest(false) {
		if errors.Is(a.err, os.ErrDeadlineExceeded) {
			a.err = nil // that was the reader
		}
		return false
	}
	if a.err != nil {
		return true
	}
	var p packet.Packet
	if p, a.err = c.in.Next(); a.err == nil {
		c.aside(p)
	}
	return true
}

// rest says whether the goroutine is between packets, where it may be
// interrupted, and reports whether it may go on.
func (a *ahead) rest(waiting bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = waiting
	return !a.stop
}

// aside handles a packet out of its turn, or keeps it.
func (c *conn) aside(p packet.Packet) {
	a := c.ahead
	switch p.Type {
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp, packet.TypePingreq:
		a.err = c.handle(p)
		return
	}
	if !p.Kept {
		p.Body, p.Kept = bytes.Clone(p.Body), true
	}
	a.kept = append(a.kept, p)
	a.bytes += len(p.Body) + 64
}

// stopAhead ends the reading ahead; the reader calls it before it reads again.
func (c *conn) stopAhead() {
	a := c.ahead
	if a == nil || a.done == nil {
		return
	}
	a.mu.Lock()
	a.stop = true
	if a.waiting {
		c.source.interrupt()
	} else if c.source.interval > 0 {
		_ = c.nc.SetReadDeadline(time.Now().Add(c.source.interval)) // in the middle of a packet
	}
	a.mu.Unlock()
	<-a.done
	a.done = nil
	c.source.patient, c.source.fresh = false, true
	if err := c.source.deadline(time.Time{}); err != nil && a.err == nil {
		a.err = err
	}
}

// next returns the next packet: one that was kept, or one that is read now.
func (c *conn) next() (packet.Packet, error) {
	a := c.ahead
	switch {
	case a == nil:
		return c.read()
	case len(a.kept) == 0:
		return packet.Packet{}, a.err
	}
	p := a.kept[0]
	a.kept[0] = packet.Packet{}
	a.kept = a.kept[1:]
	a.bytes -= len(p.Body) + 64
	return p, nil
}
