package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// universe is every topic of up to four levels of a few names, one of them of
// the system. Filters and rules of up to three levels of fewer names cannot
// tell more topics apart.
var universe = func() (out []core.Topic) {
	names := []string{"", "a", "b", "c"}
	var grow func(prefix string, depth int)
	grow = func(prefix string, depth int) {
		for _, n := range names {
			t := prefix + n
			if t != "" {
				out = append(out, core.Topic(t))
			}
			if depth < 4 {
				grow(t+"/", depth+1)
			}
		}
	}
	for _, first := range append(names, "$s") {
		if first != "" {
			out = append(out, core.Topic(first))
		}
		grow(first+"/", 2)
	}
	return out
}()

var filters = rapid.Custom(func(t *rapid.T) string {
	n := rapid.IntRange(1, 3).Draw(t, "levels")
	var levels []string
	for i := range n {
		names := []string{"", "a", "b", "+", "#"}
		if i == 0 {
			names = append(names, "$s")
		}
		l := rapid.SampledFrom(names).Draw(t, "level")
		if levels = append(levels, l); l == "#" {
			break
		}
	}
	if f := strings.Join(levels, "/"); f != "" {
		return f
	}
	return "a"
})

// slowReach asks every topic.
func slowReach(pattern, filter string) reach {
	all, any := true, false
	for _, t := range universe {
		if core.Filter(filter).Matches(t) {
			hit := core.Filter(pattern).Matches(t)
			all, any = all && hit, any || hit
		}
	}
	switch {
	case !any:
		return nothing
	case all:
		return whole
	}
	return part
}

func TestReachTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, filter := filters.Draw(t, "rule"), filters.Draw(t, "filter")
		p, err := newPattern(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.reaches(filter, values{}, false), slowReach(text, filter); got != want {
			t.Fatalf("%s reaches %d of %s, want %d", text, got, filter, want)
		}
	})
}

// simple is a rule of the twin: its topics with the names filled in.
type simple struct {
	allow  bool
	filter string
}

// slowDecide asks every topic, and each rule of it in turn.
func slowDecide(rules []simple, filter string, noMatch bool) bool {
	for _, t := range universe {
		if !core.Filter(filter).Matches(t) {
			continue
		}
		allowed := noMatch
		if i := slices.IndexFunc(rules, func(r simple) bool { return core.Filter(r.filter).Matches(t) }); i >= 0 {
			allowed = rules[i].allow
		}
		if !allowed {
			return false
		}
	}
	return true
}

// TestDecideTwin: a subscription that is allowed never brings a topic that is
// not, and a publish is allowed exactly where the first rule for its topic
// allows it.
func TestDecideTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		var twin []simple
		for range rapid.IntRange(0, 4).Draw(t, "rules") {
			verb := rapid.SampledFrom([]string{"allow", "deny"}).Draw(t, "verb")
			topic := filters.Draw(t, "topic")
			twin = append(twin, simple{verb == "allow", topic})
			lines = append(lines, verb+` all all "`+withHolder(t, topic)+`"`)
		}
		rules, err := parseRules("rules", strings.Join(lines, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		who := client{values: values{client: "a", user: "b"}}
		noMatch := rapid.Bool().Draw(t, "no match")
		filter := filters.Draw(t, "filter")
		if decide(rules, who, action{false, filter}, noMatch) && !slowDecide(twin, filter, noMatch) {
			t.Fatalf("%q allow all of %s", lines, filter)
		}
		topic := rapid.SampledFrom(universe).Draw(t, "published to")
		if got, want := decide(rules, who, action{true, string(topic)}, noMatch), slowDecide(twin, string(topic), noMatch); got != want {
			t.Fatalf("%q: publish to %s: %v, want %v", lines, topic, got, want)
		}
	})
}

// withHolder writes the client's ID a as %c, and the user b as %u, sometimes.
func withHolder(t *rapid.T, topic string) string {
	if rapid.Bool().Draw(t, "placeholders") {
		return strings.NewReplacer("a", "%c", "b", "%u").Replace(topic)
	}
	return topic
}

// TestHostileNamesTwin: whatever a client calls itself, a rule with its name
// allows it nothing that the rule does not allow to some plain name of one
// level that is its own.
func TestHostileNamesTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a+#/$]{1,4}`).Draw(t, "name")
		rules, err := parseRules("rules", "allow all all own/%c/#\nallow all all %c")
		if err != nil {
			t.Fatal(err)
		}
		filter := filters.Draw(t, "filter")
		if rapid.Bool().Draw(t, "own") {
			filter = "own/" + name
			if core.Filter(filter).Check() != nil {
				return
			}
		}
		if !decide(rules, client{values: values{client: name}}, action{false, filter}, false) {
			return
		}
		for _, topic := range universe {
			mine := string(topic) == name || string(topic) == "own/"+name || strings.HasPrefix(string(topic), "own/"+name+"/")
			if core.Filter(filter).Matches(topic) && !mine {
				t.Fatalf("client %q may read %s by %s", name, topic, filter)
			}
		}
		if strings.ContainsAny(name, "+#/") {
			t.Fatalf("client %q was allowed %s", name, filter)
		}
	})
}
