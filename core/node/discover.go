package node

import (
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/autocluster"
	"github.com/muster-mqtt/muster/discovery"
)

// discovers is the goroutine that asks one source, for ever: it slows down
// but never stops. An error keeps the last good list.
func (n *Node) discovers(i int) {
	src := n.opts.Sources[i]
	w, _ := src.(Watcher)
	watch := &watch{src: w, name: src.Name()}
	var last autocluster.Poll
	fails := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-timer.C:
		}
		a, err := src.Discover(n.ctx)
		if err != nil {
			fails++
			n.log.Debug("discovery failed", "strategy", src.Name(), "error", err)
		} else {
			fails = 0
			n.reported(src.Name(), a)
			n.watchFrom(watch)
		}
		last.Hint, last.RetryAfter = a.NextPoll, retryAfter(err)
		if watch.open.Load() { // it tells of changes; polling is the safety net
			last.Hint = n.opts.Form.Pace.Slowest()
		}
		timer.Reset(n.pollPause(&last, fails))
	}
}

// authRetry is the least pause after a backend has refused our credentials.
const authRetry = 30 * time.Second

// retryAfter is how long a backend does not want to be asked: what it said
// itself, or what the class of the error asks for (PLUGINS.md, error classes).
func retryAfter(err error) time.Duration {
	var e *discovery.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	switch discovery.ClassOf(err) {
	case discovery.Auth:
		return authRetry
	case discovery.RateLimited:
		return time.Second
	}
	return 0
}

// firstRetry is the pause after a first failed poll, doubled up to the pace:
// a plugin that is still starting is asked again soon.
const firstRetry = 50 * time.Millisecond

// pollPause returns when to ask a source again.
func (n *Node) pollPause(last *autocluster.Poll, fails int) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	last.Met = len(n.peers) > 0
	wait, base := n.opts.Form.Pace.Next(*last, n.rand)
	if fails > 0 {
		return max(min(firstRetry<<min(fails-1, 16), wait), last.RetryAfter)
	}
	last.Wait, n.form.poll = base, base
	return wait
}

// reported takes in a whole answer of a source.
func (n *Node) reported(source string, a discovery.Answer) {
	n.mu.Lock()
	defer n.release()
	now := n.now()
	named := map[string]bool{}
	for _, c := range a.Candidates {
		addrs := candidateAddrs(c)
		if len(addrs) == 0 {
			continue
		}
		named[addrs[0]] = true
		if !n.form.named(source, autocluster.FromStrategy, addrs, now) {
			n.count.candidatesDropped.Add(1)
		}
	}
	n.form.keep(source, named)
	n.form.reported[source] = true
	n.form.poke()
}

// candidateAddrs returns the addresses to probe for a candidate. Without a
// port they are those of the claimed name's offset, then of no offset.
func candidateAddrs(c discovery.Candidate) (out []string) {
	for _, e := range c.Endpoints {
		if e.Port != 0 {
			out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
			continue
		}
		offset := core.NodeID(c.ClaimedName).PortOffset()
		out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(core.BasePort+offset)))
		if offset != 0 {
			out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(core.BasePort)))
		}
	}
	return out
}
