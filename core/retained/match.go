package retained

import (
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Match returns messages whose topics the filter matches, in the order of the
// topics, from a cursor on: "" at first, then next, as long as there is more.
// One call looks at some max topics at most, and takes in no time that the
// number of other topics has a part in. Messages that have expired are left
// out, and topics that begin with '$' where the filter begins with a wildcard
// [MQTT-4.7.2-1].
func (s *Store) Match(now time.Time, f core.Filter, cursor core.Topic, max int) (out []*core.Message, next core.Topic, more bool) {
	levels := strings.Split(string(f), "/")
	system := levels[0] == "+" || levels[0] == "#"
	p := s.order.seek(cursor)
	for range max {
		e := s.order.entry(p)
		if e == nil {
			return out, "", false
		}
		if system && e.topic[0] == '$' {
			p = s.order.seek("%") // the byte after '$'
			continue
		}
		target, hit, over := step(levels, e.topic)
		switch {
		case over:
			return out, "", false
		case target != "":
			p = s.order.seek(target)
			continue
		case hit && e.m != nil && !e.m.Expired(now):
			out = append(out, e.m)
		}
		p = s.order.next(p)
	}
	e := s.order.entry(p)
	if e == nil {
		return out, "", false
	}
	return out, e.topic, true
}

// above ends a topic so that it sorts behind its whole subtree.
const above = "\x01"

// step compares a topic with the levels of a filter. If they do not match it
// may name the target from which on the next topic that does is to be looked
// for, or say that it is over: none follows.
func step(levels []string, t core.Topic) (target core.Topic, hit, over bool) {
	rest, start, wild := string(t), 0, -1 // wild: the end of the last level that '+' stood for
	for i, want := range levels {
		if want == "#" {
			return "", true, false
		}
		level, tail, more := strings.Cut(rest, "/")
		end := start + len(level)
		switch {
		case want == "+":
			wild = end
		case level < want:
			return t[:start] + core.Topic(want), false, false
		case level > want:
			return sibling(t, wild)
		}
		switch last := i == len(levels)-1; {
		case last && !more:
			return "", true, false
		case last:
			return t[:end] + above, false, false
		case !more:
			return below(t, levels[i+1:])
		}
		rest, start = tail, end+1
	}
	return "", false, true // a filter has a level
}

// sibling goes on behind the subtree of the last level that '+' stood for.
func sibling(t core.Topic, wild int) (target core.Topic, hit, over bool) {
	if wild < 0 {
		return "", false, true
	}
	return t[:wild] + above, false, false
}

// below goes on in the subtree of a topic that matches as far as it goes.
func below(t core.Topic, levels []string) (target core.Topic, hit, over bool) {
	switch levels[0] {
	case "#":
		return "", true, false // "a/#" matches "a" [MQTT-4.7.1-2]
	case "+":
		return "", false, false // what follows next is the first below, if any
	}
	return t + "/" + core.Topic(levels[0]), false, false
}
