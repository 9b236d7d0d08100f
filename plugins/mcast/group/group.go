// Package group is the multicast group on the network: sockets, interfaces,
// memberships. It carries bytes and does not know what they say.
package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which group, and where. All fields but Logger are required.
type Options struct {
	Addr  netip.Addr // the group; its family is the family of all sockets
	Ports []uint16   // to listen on and to send to
	// Interface is the name or an address of the one to use; an unspecified
	// address is all that can be used.
	Interface string
	TTL       int  // hops, 0 to 255
	Loop      bool // others on this machine hear us
	// SendBuffer and ReceiveBuffer are those of the system, Batch that for
	// reading, in bytes.
	SendBuffer, ReceiveBuffer, Batch int
	// Size is the most bytes of a packet; longer ones arrive with one byte more
	// than that.
	Size int
	// Receive is called with each packet to the group, by several goroutines.
	Receive func(Packet)
	Logger  *slog.Logger
}

// Packet is what was received. Data is only lent for the call.
type Packet struct {
	Data      []byte
	Source    netip.Addr // without a zone
	Interface string     // on which it came
	Local     bool       // Source is an address of this machine
}

// State is what Look has found.
type State struct {
	Interfaces []string // names of those in use
	// Gained is set when one of them, or a socket, was not there before.
	Gained   bool
	Warnings []string // what is not as it should be, in words that stay the same
	// Stray counts packets that came to our ports and were not meant for us,
	// Faint reads that failed; since New.
	Stray, Faint uint64
}

// ErrClosed is the error of a Group that was closed.
var ErrClosed = errors.New("the group was closed")

// sendTime bounds the wait for room in the send buffers.
const sendTime = 200 * time.Millisecond

// Group is the group as this process sees it. Nothing is open before the first
// Look. Its methods may be called concurrently.
type Group struct {
	o     Options
	stray atomic.Uint64 // packets to other groups, or by other interfaces
	faint atomic.Uint64 // reads that failed

	mu     sync.Mutex // guards what follows; held while sockets are changed
	ears   []*ear     // in the order of Options.Ports
	used   []link
	closed bool

	// view is what the readers need of the interfaces.
	view atomic.Pointer[view]
}

// view tells how packets from an interface are to be read.
type view struct {
	names map[int]string // of the interfaces in use, by index
	own   map[netip.Addr]bool
}

// New returns a Group that has opened nothing.
func New(o Options) *Group {
	g := &Group{o: o}
	g.view.Store(&view{})
	return g
}

// Look opens what is not open, finds the interfaces that can be used now,
// and returns when every packet that had reached this machine before the call
// has been received. The error says why the group cannot be used at all.
func (g *Group) Look(ctx context.Context) (State, error) {
	st, ears, err := g.adjust()
	st.Stray, st.Faint = g.stray.Load(), g.faint.Load()
	if err != nil {
		return st, err
	}
	for _, e := range ears {
		if err := e.drain(ctx); err != nil {
			return st, err
		}
	}
	return st, nil
}

// adjust brings sockets and memberships to what the interfaces are now.
func (g *Group) adjust() (State, []*ear, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return State{}, nil, ErrClosed
	}
	found, err := survey(g.o)
	if err != nil {
		g.use(nil, nil)
		return State{}, nil, err
	}
	st := State{Warnings: found.warnings}
	opened, err := g.open(&st)
	if err != nil {
		return st, nil, err
	}
	before := g.used
	used, err := g.join(found.links, &st)
	g.use(used, found.own)
	if err != nil {
		return st, nil, err
	}
	for _, l := range used {
		st.Interfaces = append(st.Interfaces, l.name)
		st.Gained = st.Gained || !slices.Contains(before, l)
	}
	st.Gained = st.Gained || opened
	return st, slices.Clone(g.ears), nil
}

// open opens the sockets that are missing.
func (g *Group) open(st *State) (opened bool, err error) {
	for _, port := range g.o.Ports {
		if slices.ContainsFunc(g.ears, func(e *ear) bool { return e.port == port }) {
			continue
		}
		e, bad := g.listen(port)
		if bad != nil {
			err = cmp.Or(err, bad)
			st.Warnings = append(st.Warnings, bad.Error())
			continue
		}
		g.ears = append(g.ears, e)
		opened = true
	}
	if len(g.ears) == 0 {
		return false, err
	}
	return opened, nil
}

// join makes every socket a member of the group on every link. One socket is
// enough for a link to be of use.
func (g *Group) join(links []link, st *State) (used []link, err error) {
	for _, l := range links {
		var bad error
		joined := false
		for _, e := range g.ears {
			no := e.join(l)
			joined, bad = joined || no == nil, cmp.Or(bad, no)
		}
		if bad != nil {
			bad = fmt.Errorf("%s: cannot join the group: %w", l.name, bad)
			err = cmp.Or(err, bad)
			st.Warnings = append(st.Warnings, bad.Error())
		}
		if joined {
			used = append(used, l)
		}
	}
	if len(used) == 0 {
		return nil, err
	}
	return used, nil
}

// use makes the links those by which is sent and received.
func (g *Group) use(used []link, own map[netip.Addr]bool) {
	g.used = used
	v := &view{names: map[int]string{}, own: own}
	for _, l := range used {
		v.names[l.index] = l.name
	}
	g.view.Store(v)
	for _, e := range g.ears {
		e.retain(used)
	}
}

// Send sends a packet by every interface to every port. It succeeds if one of
// them takes it; the error is the first.
func (g *Group) Send(packet []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	var err error
	sent := false
	late := time.Now().Add(sendTime)
	for _, l := range g.used {
		for _, e := range g.ears {
			if bad := e.send(packet, l, late); bad != nil {
				err = cmp.Or(err, fmt.Errorf("%s: %w", l.name, bad))
				continue
			}
			sent = true
		}
	}
	switch {
	case sent:
		return nil
	case err == nil:
		return errors.New("no network interface is in use")
	}
	return err
}

// Close closes the sockets. No call of Receive is under way when it returns.
func (g *Group) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	var errs []error
	for _, e := range g.ears {
		errs = append(errs, e.close())
	}
	g.ears, g.used = nil, nil
	return errors.Join(errs...)
}
