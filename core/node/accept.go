package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// Bounds of the inbound links whose hello is under way: in all, and from one
// address, so that nobody can keep the others waiting.
const (
	maxHellos    = 256
	maxHellosOne = 64
)

// accept takes links from outside, each with a goroutine for its hello.
func (n *Node) accept() {
	var waiting hellos
	for {
		tl, err := n.opts.Transport.Accept(n.ctx)
		if err != nil {
			n.mu.Lock()
			n.deaf = true
			n.mu.Unlock()
			return
		}
		h := &pendingHello{tl: tl, host: hostOf(tl.Info().Remote)}
		if victim := waiting.enter(h); victim != nil {
			n.count.hellosCrowded.Add(1)
			_ = victim.tl.Close()
		}
		n.start(func() {
			defer waiting.leave(h)
			n.accepted(tl)
		})
	}
}

// pendingHello is an inbound link that has not proved itself.
type pendingHello struct {
	tl   transport.Link
	host string
}

// hellos are those under way, the oldest first.
type hellos struct {
	mu   sync.Mutex
	list []*pendingHello
}

// enter adds a hello. When there are too many it returns the one to close: the
// oldest, if possible of the same address. An honest hello takes milliseconds;
// it is the silent ones that are pushed out.
func (h *hellos) enter(p *pendingHello) (victim *pendingHello) {
	h.mu.Lock()
	defer h.mu.Unlock()
	same, first := 0, -1
	for i, o := range h.list {
		if o.host == p.host {
			if same++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case same >= maxHellosOne:
		victim = h.list[first]
	case len(h.list) >= maxHellos:
		victim = h.list[0]
	}
	if victim != nil {
		h.remove(victim)
	}
	h.list = append(h.list, p)
	return victim
}

func (h *hellos) leave(p *pendingHello) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(p)
}

func (h *hellos) remove(p *pendingHello) {
	if i := slices.Index(h.list, p); i >= 0 {
		h.list = slices.Delete(h.list, i, i+1)
	}
}

// accepted runs the hello of one inbound link and settles what becomes of it.
func (n *Node) accepted(tl transport.Link) {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.HelloTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = tl.Close() })
	c, err := n.hello(tl, wire.Accepter)
	if err != nil {
		n.helloRefused(tl, err)
		return
	}
	theirs, err := c.receiveWelcome()
	if err != nil || !stop() {
		n.helloRefused(tl, err)
		return
	}
	c.dialler = c.who.UID
	n.settleAccepted(c, theirs)
}

// helloRefused counts and logs an inbound link that did not prove itself.
func (n *Node) helloRefused(tl transport.Link, err error) {
	_ = tl.Close()
	if isSelf(err) {
		return // a strategy that names us too is harmless
	}
	n.count.helloRefused(err)
	if err == nil || errors.Is(err, transport.ErrClosed) {
		return
	}
	n.mu.Lock()
	quiet := n.quiet.hush(tl.Info().Remote, refusalCode(err), n.now())
	n.mu.Unlock()
	if quiet {
		return
	}
	advice := "is something else calling the cluster port?"
	switch refusalCode(err) {
	case wire.RefuseProof:
		advice = "the node there has another cookie: give both the same node.cookie"
	case wire.RefuseCluster:
		advice = "give both the same cluster.name, or keep its seeds apart from ours"
	case wire.RefuseVersion:
		advice = "upgrade the older of the two"
	case wire.RefuseCertificate:
		advice = "give the node a certificate for the host in its node.name"
	}
	n.log.Warn("hello refused", "remote", tl.Info().Remote, "error", err, "advice", advice)
}

// hushed keeps a log quiet about an address that was named for the same reason
// a short while ago.
type hushed map[hush]time.Time

type hush struct {
	host string
	code wire.Code // 0: another reason
}

// Bounds of hushed: what more addresses than that do within a minute is counted,
// but not logged.
const (
	hushFor = time.Minute
	maxHush = 1024
)

// hush reports whether to be quiet about a host: it was named within the last
// minute, or too many others were. Otherwise it is named now.
func (h hushed) hush(addr string, code wire.Code, now time.Time) bool {
	key := hush{hostOf(addr), code}
	if at, ok := h[key]; ok && now.Sub(at) < hushFor {
		return true
	}
	if len(h) >= maxHush {
		maps.DeleteFunc(h, func(_ hush, at time.Time) bool { return now.Sub(at) >= hushFor })
	}
	if len(h) >= maxHush {
		return true
	}
	h[key] = now
	return false
}
