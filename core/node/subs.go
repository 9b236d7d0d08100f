package node

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/route"
)

// subs holds the subscriptions of the sessions of this node. Readers match
// without a lock; writers replace the list of one filter.
type subs struct {
	mu      sync.Mutex
	index   *route.Index[subscribers]
	noLocal int // subscriptions with No Local
}

// subscribers are those of one filter, its own ones ordered by number, its
// groups by name. It is immutable.
type subscribers struct {
	own    []subscribed
	groups []*group
}

type subscribed struct {
	sub   core.Subscriber
	grant core.Grant
}

func newSubs() *subs {
	return &subs{index: route.NewIndex[subscribers]()}
}

// add records a subscription; first tells that the filter had none. The
// caller holds mu.
func (s *subs) add(sub core.Subscription, who core.Subscriber) (first bool) {
	n := subscribed{sub: who, grant: sub.Grant}
	_ = s.index.Update(sub.Filter, func(old *subscribers) *subscribers { // the front checks filters
		first = old == nil
		var list subscribers
		if old != nil {
			list = *old
		}
		members, write := list.of(sub.Group)
		i, found := find(members, who.Number())
		if found {
			s.countNoLocal(members[i].grant, -1)
			members = slices.Clone(members)
			members[i] = n
		} else {
			members = slices.Insert(slices.Clone(members), i, n)
		}
		s.countNoLocal(n.grant, 1)
		write(members)
		return &list
	})
	return first
}

// remove takes back a subscription; last tells that the filter has none any
// more. The caller holds mu.
func (s *subs) remove(f core.Filter, share string, number uint64) (last bool) {
	_ = s.index.Update(f, func(old *subscribers) *subscribers {
		if old == nil {
			return nil
		}
		list := *old
		members, write := list.of(share)
		i, found := find(members, number)
		if !found {
			return old
		}
		s.countNoLocal(members[i].grant, -1)
		write(slices.Delete(slices.Clone(members), i, i+1))
		if last = len(list.own)+len(list.groups) == 0; last {
			return nil
		}
		return &list
	})
	return last
}

func (s *subs) countNoLocal(g core.Grant, n int) {
	if g.NoLocal {
		s.noLocal += n
	}
}

// of returns the members of a group, "" for those of no group, and how to
// replace them in l.
func (l *subscribers) of(share string) (members []subscribed, write func([]subscribed)) {
	if share == "" {
		return l.own, func(m []subscribed) { l.own = m }
	}
	i, found := sort.Find(len(l.groups), func(i int) int { return strings.Compare(share, l.groups[i].name) })
	g := &group{name: share, turn: new(atomic.Uint32)}
	if found {
		g = &group{name: share, turn: l.groups[i].turn, members: l.groups[i].members}
	}
	return g.members, func(m []subscribed) {
		g.members = m
		groups := slices.Clone(l.groups)
		switch {
		case !found && len(m) > 0:
			groups = slices.Insert(groups, i, g)
		case found && len(m) > 0:
			groups[i] = g
		case found:
			groups = slices.Delete(groups, i, i+1)
		}
		l.groups = groups
	}
}

func find(l []subscribed, number uint64) (int, bool) {
	i := sort.Search(len(l), func(i int) bool { return l[i].sub.Number() >= number })
	return i, i < len(l) && l[i].sub.Number() == number
}

// deliver hands m to every matching session once, by what all its matching
// subscriptions were granted, and for each group to one of its sessions.
// matched tells that there was any subscription.
func (s *subs) deliver(m *core.Message) (delivered int, matched bool) {
	var buf [16]*subscribers // on the stack; more match seldom
	lists := s.index.Match(m.Topic, buf[:0])
	matched = len(lists) > 0
	if len(lists) == 1 {
		delivered = deliverOne(m, lists[0].own)
	} else if matched {
		delivered = deliverMerged(m, lists)
	}
	for _, l := range lists {
		for _, g := range l.groups {
			g.deliver(m)
			delivered++
		}
	}
	return delivered, matched
}

func deliverOne(m *core.Message, own []subscribed) (delivered int) {
	for i := range own {
		if n := &own[i]; !n.excludes(m) {
			n.sub.Deliver(m, n.grant)
			delivered++
		}
	}
	return delivered
}

// excludes reports whether the subscription does not want the message because
// its own client has published it [MQTT-3.8.3-3].
func (n *subscribed) excludes(m *core.Message) bool {
	return n.grant.NoLocal && m.Publisher != "" && n.sub.ClientID() == m.Publisher
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
		next, wanted := merge(m, lists, heads)
		if next.sub == nil {
			return delivered
		}
		if wanted {
			next.sub.Deliver(m, next.grant)
			delivered++
		}
	}
}

// merge takes the subscriber with the lowest number from the heads of all
// lists that have it, with its grants put together. It is none when all lists
// are at their end.
func merge(m *core.Message, lists []*subscribers, heads []int) (next subscribed, wanted bool) {
	for i, l := range lists {
		if heads[i] < len(l.own) {
			if n := &l.own[heads[i]]; next.sub == nil || n.sub.Number() < next.sub.Number() {
				next.sub = n.sub
			}
		}
	}
	if next.sub == nil {
		return next, false
	}
	number := next.sub.Number()
	for i, l := range lists {
		if heads[i] >= len(l.own) || l.own[heads[i]].sub.Number() != number {
			continue
		}
		if n := &l.own[heads[i]]; !n.excludes(m) {
			next.grant = merged(next.grant, n.grant, wanted)
			wanted = true
		}
		heads[i]++
	}
	return next, wanted
}

// merged puts two grants of one subscriber together: the highest QoS
// [MQTT-3.3.5-1], all identifiers [MQTT-3.3.4-3]. The first counts only when
// there is one already.
func merged(a, b core.Grant, both bool) core.Grant {
	if !both {
		return b
	}
	a.QoS = max(a.QoS, b.QoS)
	a.RetainAsPublished = a.RetainAsPublished || b.RetainAsPublished
	a.NoLocal = a.NoLocal && b.NoLocal
	switch {
	case len(a.IDs) == 0:
		a.IDs = b.IDs
	case len(b.IDs) > 0:
		a.IDs = append(a.IDs[:len(a.IDs):len(a.IDs)], b.IDs...) // a new one: they are shared
	}
	return a
}
