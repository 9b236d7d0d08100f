package access

import "strings"

// reach is how much of a topic or filter a pattern has hold of.
type reach uint8

const (
	nothing reach = iota
	part          // of what the filter matches; no topic is matched in part
	whole
)

// reaches compares the pattern with a filter, or with a topic, which is a
// filter without wildcards. whole means that every topic that the filter
// matches is one that the pattern matches; nothing, that none is.
//
// A placeholder that stands for no usable level makes the pattern match
// nothing, and, where strict is set, everything that begins as it does: so it
// neither widens what is allowed nor narrows what is denied.
func (p *pattern) reaches(filter string, v values, strict bool) reach {
	if p.literal {
		if p.text == filter {
			return whole
		}
		return nothing
	}
	if isSystem(filter) && (p.levels[0].kind == any1 || p.levels[0].kind == anyDepth) {
		return nothing // [MQTT-4.7.2-1]
	}
	if filter == "/#" {
		filter = "/+/#" // its parent would be the empty topic, which is none [MQTT-4.7.3-1]
	}
	return p.compare(filter, v, strict)
}

func isSystem(filter string) bool { return strings.HasPrefix(filter, "$") }

func (p *pattern) compare(filter string, v values, strict bool) reach {
	got := whole
	rest, more := filter, true
	for i := range p.levels {
		l := &p.levels[i]
		if l.kind == anyDepth {
			return got
		}
		if !more {
			return nothing // the filter ends before the pattern
		}
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if l.kind == mixed && !l.usable(v, i == 0) {
			if strict {
				return got
			}
			return nothing
		}
		switch {
		case name == "#":
			return p.belowAny(i, v, strict)
		case l.kind == any1:
		case name == "+":
			if i == 0 && p.system(v) {
				return nothing // [MQTT-4.7.2-1]
			}
			got = part
		case !l.equals(name, v):
			return nothing
		}
	}
	switch {
	case !more:
		return got
	case rest == "#":
		return part // the pattern is the parent, which # includes
	}
	return nothing
}

// belowAny compares from level i on, where the filter has #, that is with
// every topic that begins as the pattern does.
func (p *pattern) belowAny(i int, v values, strict bool) reach {
	if i == 0 && p.system(v) {
		return nothing // [MQTT-4.7.2-1]
	}
	for j := i; j < len(p.levels); j++ {
		if l := &p.levels[j]; l.kind == mixed && !l.usable(v, j == 0) && !strict {
			return nothing
		}
	}
	return part
}

// system reports whether what the pattern matches begins with '$'.
func (p *pattern) system(v values) bool {
	l := &p.levels[0]
	switch l.kind {
	case plain:
		return isSystem(l.text)
	case mixed:
		return isSystem(l.mix[0].value(v))
	}
	return false
}
