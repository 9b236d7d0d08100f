package node

import (
	"slices"
	"sort"
	"sync"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/route"
)

// subs holds the subscriptions of the sessions of this node. Readers match
// without a lock; writers replace the list of one filter.
type subs struct {
	mu    sync.Mutex
	index *route.Index[subscribers]
	bufs  sync.Pool // *[]*subscribers
}

// subscribers are those of one filter, ordered by number. It is immutable.
type subscribers []subscribed

type subscribed struct {
	sub core.Subscriber
	qos core.QoS
}

func newSubs() *subs {
	return &subs{
		index: route.NewIndex[subscribers](),
		bufs:  sync.Pool{New: func() any { b := make([]*subscribers, 0, 16); return &b }},
	}
}

// add records a subscription; first tells that the filter had none. The
// caller holds mu.
func (s *subs) add(f core.Filter, n subscribed) (first bool) {
	_ = s.index.Update(f, func(old *subscribers) *subscribers { // the front checks filters
		if old == nil {
			first = true
			return &subscribers{n}
		}
		i, found := old.find(n.sub.Number())
		list := slices.Clone(*old)
		if found {
			list[i] = n
		} else {
			list = slices.Insert(list, i, n)
		}
		return &list
	})
	return first
}

// remove takes back a subscription; last tells that the filter has none any
// more. The caller holds mu.
func (s *subs) remove(f core.Filter, number uint64) (last bool) {
	_ = s.index.Update(f, func(old *subscribers) *subscribers {
		if old == nil {
			return nil
		}
		i, found := old.find(number)
		if !found {
			return old
		}
		if len(*old) == 1 {
			last = true
			return nil
		}
		list := slices.Delete(slices.Clone(*old), i, i+1)
		return &list
	})
	return last
}

func (l subscribers) find(number uint64) (int, bool) {
	i := sort.Search(len(l), func(i int) bool { return l[i].sub.Number() >= number })
	return i, i < len(l) && l[i].sub.Number() == number
}

// deliver hands m to every matching session once, at the highest QoS that any
// of its matching subscriptions was granted.
func (s *subs) deliver(m *core.Message) (delivered int) {
	buf := s.bufs.Get().(*[]*subscribers)
	lists := s.index.Match(m.Topic, (*buf)[:0])
	if len(lists) == 1 {
		for _, n := range *lists[0] {
			n.sub.Deliver(m, n.qos)
		}
		delivered = len(*lists[0])
	} else if len(lists) > 1 {
		delivered = deliverMerged(m, lists)
	}
	clear(lists)
	*buf = lists[:0]
	s.bufs.Put(buf)
	return delivered
}

// deliverMerged walks several ordered lists at once, so that a session that
// is in more than one of them gets m once.
func deliverMerged(m *core.Message, lists []*subscribers) (delivered int) {
	var at [16]int
	heads := at[:]
	if len(lists) > len(at) {
		heads = make([]int, len(lists)) // more than 16 filters match: rare
	}
	for {
		next, ok := lowest(lists, heads)
		if !ok {
			return delivered
		}
		next.sub.Deliver(m, next.qos)
		delivered++
	}
}

// lowest takes the subscriber with the lowest number from the heads of all
// lists that have it.
func lowest(lists []*subscribers, heads []int) (subscribed, bool) {
	var best subscribed
	for i, l := range lists {
		if heads[i] < len(*l) {
			if n := (*l)[heads[i]]; best.sub == nil || n.sub.Number() < best.sub.Number() {
				best = n
			}
		}
	}
	if best.sub == nil {
		return best, false
	}
	number := best.sub.Number()
	for i, l := range lists {
		if heads[i] < len(*l) && (*l)[heads[i]].sub.Number() == number {
			best.qos = max(best.qos, (*l)[heads[i]].qos)
			heads[i]++
		}
	}
	return best, true
}
