package node

import (
	"container/heap"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
)

// maxVisibilityWaits bounds the subscriptions that wait to be visible; beyond
// it the SUBACK is sent at once, and counted.
const maxVisibilityWaits = 1 << 20

// visibility holds the subscriptions whose SUBACK waits until every alive
// peer has the version of our table that routes them.
type visibility struct {
	byVersion versionHeap
	byTime    []*visibilityWait // in the order of due, which grows
	fired     []func()          // to be called when the node's lock is free
	timeouts  uint64
}

type visibilityWait struct {
	version uint64
	due     time.Time
	visible func()
}

type versionHeap []*visibilityWait

func (h versionHeap) Len() int           { return len(h) }
func (h versionHeap) Less(i, j int) bool { return h[i].version < h[j].version }
func (h versionHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *versionHeap) Push(x any)        { *h = append(*h, x.(*visibilityWait)) }
func (h *versionHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

func (v *visibility) add(w *visibilityWait) {
	heap.Push(&v.byVersion, w)
	v.byTime = append(v.byTime, w)
}

// reached fires every wait up to version.
func (v *visibility) reached(version uint64) {
	for len(v.byVersion) > 0 && v.byVersion[0].version <= version {
		v.fire(heap.Pop(&v.byVersion).(*visibilityWait))
	}
	v.trim()
}

// expire fires what has waited for too long.
func (v *visibility) expire(now time.Time) {
	for len(v.byTime) > 0 && !v.byTime[0].due.After(now) {
		w := v.byTime[0]
		v.byTime = v.byTime[1:]
		if w.visible != nil {
			v.timeouts++
			v.fire(w)
		}
	}
	for len(v.byVersion) > 0 && v.byVersion[0].visible == nil {
		heap.Pop(&v.byVersion)
	}
}

func (v *visibility) fire(w *visibilityWait) {
	if w.visible != nil {
		v.fired = append(v.fired, w.visible)
		w.visible = nil
	}
}

// trim forgets the oldest waits that have fired.
func (v *visibility) trim() {
	for len(v.byTime) > 0 && v.byTime[0].visible == nil {
		v.byTime = v.byTime[1:]
	}
}

func (v *visibility) next() time.Time {
	if len(v.byTime) == 0 {
		return time.Time{}
	}
	return v.byTime[0].due
}

// Subscribe records a subscription and calls visible when every alive peer
// routes its filter. See mqtt.Cluster for its promises.
func (n *Node) Subscribe(s core.Subscriber, sub core.Subscription, visible func()) {
	n.subs.mu.Lock()
	first := n.subs.add(sub, s)
	n.mu.Lock()
	key := wire.RouteKey(sub.Filter)
	n.tellNoLocal() // before the route: whoever has that has this
	if first {
		n.table.Set(key, nil)
		n.pump()
	}
	version := n.table.RowVersion(key)
	if sub.NoLocal {
		version = max(version, n.table.RowVersion(wire.NoLocalKey()))
	}
	if n.ackedByAll() < version && !n.changes.note(s.ClientID(), version) {
		n.count.changersFull.Add(1)
	}
	n.subs.mu.Unlock()
	if !n.waitVisible(version, visible) {
		n.later = append(n.later, visible)
	}
	n.release()
}

// tellNoLocal keeps the row that asks the others for publishers. The caller
// holds subs.mu and mu.
func (n *Node) tellNoLocal() {
	key := wire.NoLocalKey()
	before := n.table.Version()
	if n.subs.noLocal > 0 {
		n.table.Set(key, nil)
	} else {
		n.table.Delete(key)
	}
	if n.table.Version() != before {
		n.pump()
	}
}

// waitVisible queues visible; false if there is nothing to wait for.
func (n *Node) waitVisible(version uint64, visible func()) bool {
	if n.opts.VisibleLocal || n.ackedByAll() >= version {
		return false
	}
	if len(n.visible.byVersion) >= maxVisibilityWaits {
		n.count.waitersRefused.Add(1)
		return false
	}
	n.visible.add(&visibilityWait{version: version, due: n.now().Add(n.opts.VisibilityTimeout), visible: visible})
	n.arm()
	return true
}

// acknowledged lets go what has waited for all alive peers to have our routes.
func (n *Node) acknowledged() {
	all := n.ackedByAll()
	n.visible.reached(all)
	n.changes.reached(all)
}

// ackedByAll returns the version of our table that every alive peer has.
func (n *Node) ackedByAll() uint64 {
	least := n.table.Version()
	for uid, p := range n.peers {
		if state, ok := n.members.StateOf(uid); !ok || state != core.Alive {
			continue
		}
		if p.feed == nil {
			return 0
		}
		least = min(least, p.feed.Acked())
	}
	return least
}

// Unsubscribe takes back the subscription of a filter and group.
func (n *Node) Unsubscribe(s core.Subscriber, f core.Filter, share string) {
	n.subs.mu.Lock()
	before := n.subs.noLocal
	last := n.subs.remove(f, share, s.Number())
	if !last && n.subs.noLocal == before {
		n.subs.mu.Unlock()
		return
	}
	n.mu.Lock()
	if last {
		n.table.Delete(wire.RouteKey(f))
		n.pump()
	}
	n.tellNoLocal()
	n.subs.mu.Unlock()
	n.release()
}
