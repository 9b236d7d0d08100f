package session

import (
	"cmp"
	"slices"

	"github.com/muster-mqtt/muster/core"
)

// fewSubs is how many subscriptions are searched one by one: most sessions
// have no more, and a map costs them more than it saves.
const fewSubs = 8

// subKey is what tells subscriptions apart: a shared one and one of the
// session's own are two [MQTT-4.8.2].
type subKey struct {
	filter core.Filter
	group  string
}

func keyOf(sub core.Subscription) subKey { return subKey{sub.Filter, sub.Group} }

// Subscribe adds a subscription, or replaces that of the same filter and group
// [MQTT-3.8.4-3], and reports whether there was one. ok is false, and nothing
// was done, when a new one would exceed the limits. The subscription is shared
// and must not be changed.
func (s *Session) Subscribe(sub core.Subscription) (existed, ok bool) {
	at, existed := s.findSub(keyOf(sub))
	if !existed {
		n := s.filterBytes + len(sub.Filter) + len(sub.Group)
		if len(s.subs) >= s.limits.Subscriptions || n > s.limits.FilterBytes {
			return false, false
		}
	}
	s.log(Op{Kind: OpSubscribe, Subscription: sub})
	s.setSub(at, sub)
	return existed, true
}

// Unsubscribe takes a subscription back and reports whether there was one.
func (s *Session) Unsubscribe(f core.Filter, group string) bool {
	at, known := s.findSub(subKey{f, group})
	if known {
		s.log(Op{Kind: OpUnsubscribe, Subscription: core.Subscription{Filter: f, Group: group}})
		s.removeSub(at)
	}
	return known
}

// Subscriptions returns all subscriptions, sorted by filter and group. Their
// identifiers are shared.
func (s *Session) Subscriptions() []core.Subscription {
	all := slices.Clone(s.subs)
	slices.SortFunc(all, func(a, b core.Subscription) int {
		return cmp.Or(cmp.Compare(a.Filter, b.Filter), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// findSub returns the position of a subscription, or where it would go.
func (s *Session) findSub(k subKey) (at int, known bool) {
	if s.index != nil {
		if at, known = s.index[k]; known {
			return at, true
		}
		return len(s.subs), false
	}
	for i := range s.subs {
		if keyOf(s.subs[i]) == k {
			return i, true
		}
	}
	return len(s.subs), false
}

// setSub puts a subscription where findSub said.
func (s *Session) setSub(at int, sub core.Subscription) {
	if at < len(s.subs) {
		s.subs[at] = sub
		return
	}
	s.subs = append(s.subs, sub)
	s.filterBytes += len(sub.Filter) + len(sub.Group)
	switch {
	case s.index != nil:
		s.index[keyOf(sub)] = at
	case len(s.subs) > fewSubs:
		s.index = make(map[subKey]int, len(s.subs))
		for i := range s.subs {
			s.index[keyOf(s.subs[i])] = i
		}
	}
}

// removeSub moves the last subscription into the place of the one that goes.
func (s *Session) removeSub(at int) {
	last := len(s.subs) - 1
	gone := s.subs[at]
	s.filterBytes -= len(gone.Filter) + len(gone.Group)
	if s.index != nil {
		s.index[keyOf(s.subs[last])] = at
		delete(s.index, keyOf(gone))
	}
	s.subs[at], s.subs[last] = s.subs[last], core.Subscription{}
	s.subs = s.subs[:last]
	if last == 0 {
		s.subs, s.index = nil, nil
	}
}
