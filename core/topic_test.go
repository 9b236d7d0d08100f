package core

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var longest = strings.Repeat("a", maxTopic)

func TestTopicCheck(t *testing.T) {
	tests := map[Topic]error{
		"a": nil, "/": nil, "a//b": nil, "$SYS/x": nil, " ": nil, "ä/日本": nil, Topic(longest): nil,
		"": ErrEmpty, Topic(longest + "a"): ErrTooLong, "a\x00b": ErrNotUTF8, "a\xff": ErrNotUTF8, "\xed\xa0\x80": ErrNotUTF8,
		"a/+": ErrWildcard, "a/#": ErrWildcard, "a+b": ErrWildcard,
	}
	for topic, want := range tests {
		if err := topic.Check(); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", topic, err, want)
		}
	}
}

func TestFilterCheck(t *testing.T) {
	tests := map[Filter]error{
		"a": nil, "#": nil, "+": nil, "a/#": nil, "+/a/+": nil, "/": nil, "/#": nil, "+/+/#": nil, "$share": nil, Filter(longest): nil,
		"": ErrEmpty, Filter(longest + "a"): ErrTooLong, "a\x00": ErrNotUTF8, "\xff/#": ErrNotUTF8,
		"#/a": ErrWildcard, "a#": ErrWildcard, "a/b#": ErrWildcard, "a+": ErrWildcard, "+a/b": ErrWildcard, "++": ErrWildcard,
		"##": ErrWildcard, "a/#/": ErrWildcard,
	}
	for filter, want := range tests {
		if err := filter.Check(); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", filter, err, want)
		}
	}
}

func TestFilterMatches(t *testing.T) {
	// The examples of [MQTT-4.7.1] and [MQTT-4.7.2] of the specification.
	tests := []struct {
		filter Filter
		topic  Topic
		want   bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true}, {"/+", "/finance", true}, {"+", "/finance", false},
		{"#", "$SYS/x", false}, {"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/x", true}, {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"a", "A", false}, {"a/", "a", false}, {"/a", "a", false},
	}
	for _, c := range tests {
		if got := c.filter.Matches(c.topic); got != c.want {
			t.Errorf("%s and %s: %v", c.filter, c.topic, got)
		}
	}
}

// asRegexp is a second, independent reading of [MQTT-4.7].
func asRegexp(f Filter) *regexp.Regexp {
	expr := regexp.QuoteMeta(string(f))
	expr = strings.ReplaceAll(expr, `\+`, `[^/]*`)
	if expr == "#" {
		expr = ".*"
	}
	if rest, ok := strings.CutSuffix(expr, "/#"); ok {
		expr = rest + "(/.*)?"
	}
	return regexp.MustCompile(`(?s)^` + expr + `$`)
}

func TestFilterMatchesRegexp(t *testing.T) {
	level := rapid.SampledFrom([]string{"", "a", "b", "$a", "a.b"})
	wild := rapid.SampledFrom([]string{"", "a", "b", "$a", "a.b", "+", "+", "#"})
	rapid.Check(t, func(t *rapid.T) {
		topic := Topic(strings.Join(rapid.SliceOfN(level, 1, 4).Draw(t, "topic"), "/"))
		filter := Filter(strings.Join(rapid.SliceOfN(wild, 1, 4).Draw(t, "filter"), "/"))
		if topic.Check() != nil || filter.Check() != nil {
			return
		}
		want := asRegexp(filter).MatchString(string(topic))
		if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
			want = false
		}
		if got := filter.Matches(topic); got != want {
			t.Fatalf("%s and %s: %v, want %v", filter, topic, got, want)
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	f.Add("+", "$x")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if Filter(filter).Check() != nil || Topic(topic).Check() != nil {
			return
		}
		if !Filter(topic).Matches(Topic(topic)) {
			t.Errorf("%q does not match itself", topic)
		}
		if Filter("#").Matches(Topic(topic)) == strings.HasPrefix(topic, "$") {
			t.Errorf("# and %q", topic)
		}
		Filter(filter).Matches(Topic(topic))
	})
}
