package access

import (
	"net/netip"
	"slices"
)

// client is who wants to do something, as rules see it.
type client struct {
	values
	addr netip.Addr
}

// action is what a client wants to do.
type action struct {
	publish bool
	topic   string // or filter
}

// decide goes through the rules in order. The first one that allows all of
// what is asked, or denies any of it, decides. So what a filter is allowed,
// every topic that it matches is allowed; a filter that reaches beyond a rule
// that allows, or into one that denies, is not.
func decide(rules []rule, c client, a action, noMatch bool) bool {
	for i := range rules {
		r := &rules[i]
		if r.concerns(c, a) && r.decides(c, a) {
			return r.allow
		}
	}
	return noMatch
}

// concerns reports whether a rule is about this client and kind of action.
func (r *rule) concerns(c client, a action) bool {
	if a.publish && !r.publish || !a.publish && !r.subscribe {
		return false
	}
	for i := range r.who {
		if !r.who[i].holds(c) {
			return false
		}
	}
	return true
}

func (w *condition) holds(c client) bool {
	switch w.kind {
	case byUser:
		return w.text == c.user
	case byClient:
		return w.text == c.client
	}
	return w.where.Contains(c.addr)
}

func (r *rule) decides(c client, a action) bool {
	enough := part // deny
	if r.allow {
		enough = whole
	}
	return r.everything || slices.ContainsFunc(r.topics, func(p pattern) bool {
		return p.reaches(a.topic, c.values, !r.allow) >= enough
	})
}
