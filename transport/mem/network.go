// Package mem carries frames between endpoints within one process, through a
// network that tests can slow down, cut and heal. It starts no goroutine and
// uses nothing but channels and package time, so that it runs on the virtual
// time of a testing/synctest bubble; a Network used in a bubble must be made
// there. Without a Delay everything is instant, and a bubble in which some
// loop never waits does not get older: give a network that is kept busy some
// delay.
package mem

import (
	"cmp"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// Options of a Network; the zero value is usable.
type Options struct {
	// Seed makes jitter repeatable: each directed pair of addresses draws
	// from a stream of its own.
	Seed uint64
	// Queue is how many bytes one direction of a link holds, in flight or not
	// yet received, before Send blocks (256 KiB). One frame always fits.
	Queue int
	// MaxPending bounds the links that wait for Accept at one endpoint (256).
	MaxPending int
}

// Network joins endpoints. Every directed pair of addresses has its own
// faults; at first there are none. All methods may be called concurrently.
type Network struct {
	opts Options

	mu        sync.Mutex // never held while blocking
	endpoints map[string]*endpoint
	paths     map[pair]*path
	conns     map[uint64]*conn // links that either side still holds
	lastConn  uint64
	changed   chan struct{} // closed, and replaced, when a path heals
	stats     Stats
}

// Stats counts what a Network did to its links.
type Stats struct {
	Links   int    // open now
	Lost    uint64 // frames that vanished in a cut
	Reset   uint64 // links ended by a heal because they had lost frames
	Refused uint64 // dials refused because too many links waited
}

// pair names one direction between two addresses.
type pair struct{ from, to string }

// path is the state of one direction. Loss, duplication and reordering belong
// here, and their effect in pipe.carry.
type path struct {
	delay, jitter time.Duration
	cut           cut
	rand          *rand.Rand
}

// cut says whether a path is cut and what becomes of links that lost frames.
type cut int

const (
	open     cut = iota
	breaking     // their heal resets them
	lossy        // they live on
)

// NewNetwork returns a network without endpoints.
func NewNetwork(opts Options) *Network {
	opts.Queue = cmp.Or(max(0, opts.Queue), 256<<10)
	opts.MaxPending = cmp.Or(max(0, opts.MaxPending), 256)
	return &Network{
		opts:      opts,
		endpoints: map[string]*endpoint{},
		paths:     map[pair]*path{},
		conns:     map[uint64]*conn{},
		changed:   make(chan struct{}),
	}
}

// Endpoint opens the endpoint at addr, which may be any text. One that is
// open there is closed first, as when a process dies and another takes its
// place.
func (n *Network) Endpoint(addr string) transport.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.endpoints[addr]; old != nil {
		old.closeLocked()
	}
	e := &endpoint{
		net: n, addr: addr,
		pending: make(chan *link, n.opts.MaxPending),
		done:    make(chan struct{}),
	}
	n.endpoints[addr] = e
	return e
}

// Stats returns the counters as they are now.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	s.Links = len(n.conns)
	return s
}

// Delay makes frames from one address to the other take delay, and up to
// jitter more, from now on. A stream stays in order all the same.
func (n *Network) Delay(from, to string, delay, jitter time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.path(from, to)
	p.delay, p.jitter = max(0, delay), max(0, jitter)
}

// path returns the state of one direction. The caller holds mu.
func (n *Network) path(from, to string) *path {
	key := pair{from, to}
	p := n.paths[key]
	if p == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(from + "\x00" + to))
		p = &path{rand: rand.New(rand.NewPCG(n.opts.Seed, h.Sum64()))}
		n.paths[key] = p
	}
	return p
}

// travel draws how long the next frame takes.
func (p *path) travel() time.Duration {
	if p.jitter == 0 {
		return p.delay
	}
	return p.delay + time.Duration(p.rand.Int64N(int64(p.jitter)+1))
}

// sorted returns the open connections in the order of their dials, so that a
// run is as repeatable as the scheduler allows. The caller holds mu.
func (n *Network) sorted() []*conn {
	all := make([]*conn, 0, len(n.conns))
	for _, id := range slices.Sorted(maps.Keys(n.conns)) {
		all = append(all, n.conns[id])
	}
	return all
}
