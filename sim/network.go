package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// network carries what nodes send each other: delayed, in part late by
// repetition, not at all over a cut path.
type network struct {
	*clock
	rand  *rand.Rand
	delay time.Duration // of one way, up to twice as much
	loss  float64       // share of the messages that a stream has to repeat
	cut   map[[2]int]bool
	conns []*conn // those that may be open
	sweep int     // how many of them are the occasion to drop the closed ones
}

// repeatAfter is when a stream sends again what was lost.
const repeatAfter = 200 * time.Millisecond

// latency draws how long one message takes.
func (n *network) latency() time.Duration {
	d := n.delay + time.Duration(n.rand.Int64N(int64(n.delay)+1))
	for n.loss > 0 && n.rand.Float64() < n.loss {
		d += repeatAfter
	}
	return d
}

// conn is one connection, a stream in each direction. Side 0 has dialled.
type conn struct {
	net    *network
	host   [2]int
	closed [2]bool      // by that side; what comes is not read any more
	last   [2]time.Time // when the last message of a side arrives: a stream keeps its order
	held   [2][]func()  // what a side sent into a cut
	onEnd  [2]func()    // what a side does when it learns that the other has closed
}

func (n *network) open(from, to int) *conn {
	if len(n.conns) >= n.sweep {
		n.conns = slices.DeleteFunc(n.conns, func(c *conn) bool { return c.closed[0] && c.closed[1] })
		n.sweep = 2*len(n.conns) + 64
	}
	c := &conn{net: n, host: [2]int{from, to}}
	n.conns = append(n.conns, c)
	return c
}

// send carries a message of one side to the other, where f takes it. It
// arrives when the path is there, and unless the receiver has closed.
func (c *conn) send(side int, f func()) {
	if c.closed[side] {
		return
	}
	if c.net.cut[[2]int{c.host[side], c.host[1-side]}] {
		c.held[side] = append(c.held[side], f)
		return
	}
	c.carry(side, c.net.latency(), f)
}

func (c *conn) carry(side int, after time.Duration, f func()) {
	at := c.net.now.Add(after)
	if at.Before(c.last[side]) {
		at = c.last[side]
	}
	c.last[side] = at
	c.net.at(at.Sub(c.net.now), func() {
		if !c.closed[1-side] {
			f()
		}
	})
}

// end closes one side; the other learns of it when it has read what was sent
// before, if the path is there.
func (c *conn) end(side int) {
	if c.closed[side] {
		return
	}
	c.send(side, func() {
		if end := c.onEnd[1-side]; end != nil {
			end()
		}
		c.closed[1-side] = true
	})
	c.closed[side] = true
}

// split cuts the way from a to b, or heals it: then streams send again what
// was lost.
func (n *network) split(a, b int, on bool) {
	n.cut[[2]int{a, b}] = on
	for _, c := range n.conns {
		for side := range 2 {
			if !on && c.host[side] == a && c.host[1-side] == b {
				c.flush(side)
			}
		}
	}
}

// crash ends what a host's process held open, as its kernel does.
func (n *network) crash(host int) {
	for _, c := range n.conns {
		for side := range 2 {
			if c.host[side] == host {
				c.end(side)
			}
		}
	}
}

func (c *conn) flush(side int) {
	held := c.held[side]
	c.held[side] = nil
	for _, f := range held {
		c.carry(side, repeatAfter+c.net.latency(), f)
	}
}
