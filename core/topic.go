package core

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Topic is what a message is published to; Filter is what a subscription asks
// for, and may hold the wildcards '+' and '#' [MQTT-4.7.1].
type (
	Topic  string
	Filter string
)

// maxTopic is the longest topic or filter in bytes [MQTT-4.7.3-3].
const maxTopic = 65535

// The errors of Topic.Check and Filter.Check.
var (
	ErrEmpty    = errors.New("empty topic or filter")
	ErrTooLong  = errors.New("topic or filter longer than 65535 bytes")
	ErrNotUTF8  = errors.New("topic or filter is not UTF-8 or holds U+0000")
	ErrWildcard = errors.New("wildcard where none is allowed")
)

// Check returns nil when t may be published to.
func (t Topic) Check() error {
	if strings.ContainsAny(string(t), "+#") {
		return ErrWildcard
	}
	return checkText(string(t))
}

// Check returns nil when f may be subscribed with: '#' only as the whole last
// level, '+' only as a whole level [MQTT-4.7.1-1, 4.7.1-2].
func (f Filter) Check() error {
	if err := checkText(string(f)); err != nil {
		return err
	}
	rest := string(f)
	for more := true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if level == "#" && more || len(level) > 1 && strings.ContainsAny(level, "+#") {
			return ErrWildcard
		}
	}
	return nil
}

func checkText(s string) error {
	switch {
	case s == "":
		return ErrEmpty
	case len(s) > maxTopic:
		return ErrTooLong
	case !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0:
		return ErrNotUTF8
	}
	return nil
}

// Matches reports whether the filter matches the topic. It is the plain
// reading of [MQTT-4.7], kept simple: the route index is checked against it.
func (f Filter) Matches(t Topic) bool {
	if strings.HasPrefix(string(t), "$") && (strings.HasPrefix(string(f), "+") || strings.HasPrefix(string(f), "#")) {
		return false // [MQTT-4.7.2-1]
	}
	return matchLevels(strings.Split(string(f), "/"), strings.Split(string(t), "/"))
}

func matchLevels(f, t []string) bool {
	switch {
	case len(f) == 0:
		return len(t) == 0
	case f[0] == "#":
		return true
	case len(t) == 0:
		return false
	case f[0] == "+" || f[0] == t[0]:
		return matchLevels(f[1:], t[1:])
	}
	return false
}
