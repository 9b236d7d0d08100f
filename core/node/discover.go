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
	watch := &watch{src: w, name: src.Name(), again: make(chan struct{}, 1)}
	var listen time.Time // to a Waker, from then on
	waked := false
	polls := autocluster.Polls{Pace: n.opts.Form.Pace}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-timer.C:
		case <-woken(src):
			waked = true
			if wait := time.Until(listen); wait > 0 {
				timer.Reset(wait)
				continue
			}
		}
		a, err := src.Discover(n.ctx)
		listen = wakeFrom(time.Now(), err)
		if err != nil {
			n.log.Debug("discovery failed", "strategy", src.Name(), "error", err)
		} else {
			n.reported(src.Name(), a)
			n.watchFrom(watch)
			if waked {
				watch.reopen()
			}
			waked = false
		}
		got := autocluster.Poll{Hint: a.NextPoll, RetryAfter: retryAfter(err)}
		if watch.open.Load() { // it tells of changes; polling is the safety net
			got.Hint = n.opts.Form.Pace.Slowest()
		}
		timer.Reset(n.pollPause(&polls, got, err == nil))
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

// pollPause returns when to ask a source again.
func (n *Node) pollPause(polls *autocluster.Polls, got autocluster.Poll, ok bool) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	got.Met = len(n.peers) > 0
	wait := polls.Next(got, ok, n.rand)
	if ok {
		n.form.search.SetPoll(polls.Wait())
	}
	return wait
}

// reported takes in an answer of a source.
func (n *Node) reported(source string, a discovery.Answer) {
	n.mu.Lock()
	defer n.release()
	r := autocluster.Report{Source: source, Whole: a.Completeness == discovery.Complete && !a.Truncated}
	for _, c := range a.Candidates {
		if addrs := n.opts.candidateAddrs(c); len(addrs) > 0 {
			r.Nodes = append(r.Nodes, addrs)
		}
	}
	n.count.candidatesDropped.Add(uint64(n.form.search.Report(n.now(), r)))
	n.form.poke()
}

// candidateAddrs returns the addresses to probe for a candidate. Without a
// port they are those of the claimed name's offset, then of no offset, or what
// a port mapper is to be asked for.
func (o Options) candidateAddrs(c discovery.Candidate) (out []string) {
	if len(c.Endpoints) == 0 && c.NodeUID != "" { // of the strategy transport
		return []string{c.NodeUID}
	}
	for _, e := range c.Endpoints {
		if e.Port != 0 {
			out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
			continue
		}
		if o.PortMapper {
			out = append(out, core.NodeID(c.ClaimedName).Name()+"@"+e.Host)
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
