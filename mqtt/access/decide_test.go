package access

import (
	"net/netip"
	"strings"
	"testing"
)

func mustRules(t *testing.T, lines ...string) []rule {
	t.Helper()
	rules, err := parseRules("rules", strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// asker is a client with words for what it is.
func asker(id, user, addr string) client {
	return client{values{client: id, user: user}, netip.MustParseAddr(addr)}
}

func TestDecisions(t *testing.T) {
	alice := asker("c1", "alice", "10.1.2.3")
	for _, c := range []struct {
		rules string // by semicolons
		who   client
		asks  string // pub or sub, and a topic
		want  bool
	}{
		{"allow all", alice, "pub a", true},
		{"allow all", alice, "sub $SYS/#", true},
		{"allow all all #", alice, "sub $SYS/#", false},
		{"", alice, "pub a", false},
		{"allow all publish a", alice, "pub a", true},
		{"allow all publish a", alice, "sub a", false},
		{"allow all subscribe a", alice, "pub a", false},
		{"deny all publish a;allow all", alice, "pub a", false},
		{"allow all publish a;deny all", alice, "pub a", true},
		{"allow user alice", alice, "pub a", true},
		{"allow user Alice", alice, "pub a", false},
		{`allow user ""`, alice, "pub a", false},
		{`allow user ""`, asker("c", "", "::1"), "pub a", true},
		{"allow client c1", alice, "pub a", true},
		{"allow client c2", alice, "pub a", false},
		{"allow ip 10.0.0.0/8", alice, "pub a", true},
		{"allow ip 10.1.2.3", alice, "pub a", true},
		{"allow ip 10.1.2.4", alice, "pub a", false},
		{"allow ip ::/0", alice, "pub a", false},
		{"allow user alice ip 10.0.0.0/8 publish a", alice, "pub a", true},
		{"allow user alice ip 11.0.0.0/8 publish a", alice, "pub a", false},
		{"allow user publish publish a", asker("c", "publish", "::1"), "pub a", true},
		{"allow all publish a b/+ c/#", alice, "pub c/x/y", true},
		{"allow all publish a b/+ c/#", alice, "pub b/x/y", false},
		// A filter must be covered as a whole by one rule.
		{"allow all subscribe a/#", alice, "sub #", false},
		{"allow all subscribe a/#", alice, "sub a/#", true},
		{"allow all subscribe a/#", alice, "sub a", true},
		{"allow all subscribe a/#", alice, "sub a/+/b", true},
		{"allow all subscribe a/#", alice, "sub +", false},
		{"allow all subscribe a/+", alice, "sub a/#", false},
		{"allow all subscribe a/b", alice, "sub a/+", false},
		{"allow all subscribe +/#", alice, "sub #", true},
		{"allow all subscribe #", alice, "sub +/a", true},
		{"allow all subscribe #", alice, "sub $share", false},
		{"allow all subscribe a;allow all subscribe b", alice, "sub +", false},
		// What a rule denies even a part of is denied.
		{"deny all subscribe secret/#;allow all", alice, "sub #", false},
		{"deny all subscribe secret/#;allow all", alice, "sub +/x", false},
		{"deny all subscribe secret/#;allow all", alice, "sub open/#", true},
		{"allow all subscribe secret/mine;deny all subscribe secret/#;allow all", alice, "sub secret/mine", true},
		{"deny all subscribe $SYS/#;allow all", alice, "sub #", true},
		// eq is the very text.
		{"deny all subscribe eq # eq +/#;allow all", alice, "sub #", false},
		{"deny all subscribe eq # eq +/#;allow all", alice, "sub +/#", false},
		{"deny all subscribe eq # eq +/#;allow all", alice, "sub a/#", true},
		{"allow all subscribe eq a/#", alice, "sub a/b", false},
		{"allow all subscribe eq a/#", alice, "sub a/#", true},
		{"allow all publish eq a/%c", alice, "pub a/c1", false},
		{"allow all publish eq a/%c", alice, "pub a/%c", true},
		{`allow all publish "eq"`, alice, "pub eq", true},
	} {
		got := decide(mustRules(t, strings.Split(c.rules, ";")...), c.who, asks(c.asks), false)
		if got != c.want {
			t.Errorf("%s\n%s: %v, want %v", c.rules, c.asks, got, c.want)
		}
	}
}

func asks(s string) action {
	kind, topic, _ := strings.Cut(s, " ")
	return action{publish: kind == "pub", topic: topic}
}

// TestPlaceholders: what a client calls itself never widens a rule.
func TestPlaceholders(t *testing.T) {
	for _, c := range []struct {
		rules, id, user, asks string
		want                  bool
	}{
		{"allow all all dev/%c/#", "c1", "", "pub dev/c1/x", true},
		{"allow all all dev/%c/#", "c1", "", "sub dev/c1/#", true},
		{"allow all all dev/%c/#", "c1", "", "sub dev/+/#", false},
		{"allow all all dev/${clientid}/#", "c1", "", "pub dev/c1/x", true},
		{"allow all all dev/%u", "c1", "alice", "pub dev/alice", true},
		{"allow all all dev/${username}", "c1", "alice", "pub dev/alice", true},
		{"allow all all dev/${username}", "c1", "alice", "pub dev/${username}", false},
		{"allow all all dev/x-%c-%u-y", "c1", "alice", "pub dev/x-c1-alice-y", true},
		{"allow all all dev/x-%c-%u-y", "c1", "alice", "pub dev/x-c1-alice-", false},
		{"allow all all %c%u", "%u", "b", "pub %ub", true},
		{"allow all all dev/%u", "c1", "", "pub dev/", false},
		{"allow all all dev/%c", "", "", "pub dev/", false},
		// Wildcards and slashes in a name match nothing, not even literally.
		{"allow all all dev/%c", "+", "", "sub dev/+", false},
		{"allow all all dev/%c", "+", "", "pub dev/a", false},
		{"allow all all dev/%c", "#", "", "sub dev/#", false},
		{"allow all all dev/%c/#", "#", "", "sub dev/#", false},
		{"allow all all dev/%c/x", "a/b", "", "pub dev/a/b/x", false},
		{"allow all all dev/%c", "a+", "", "sub dev/a+", false},
		{"allow all all %c/#", "$SYS", "", "sub $SYS/#", false},
		{"allow all all dev/%c", "$SYS", "", "pub dev/$SYS", true},
		{"allow all all dev/%c", "c1/#", "", "sub dev/c1/#", false},
		// Nor does it slip through what is denied.
		{"deny all all dev/%c/x;allow all", "a/b", "", "pub dev/a/b/x", false},
		{"deny all all dev/%c;allow all", "+", "", "sub dev/+", false},
		{"deny all all dev/%u;allow all", "c1", "", "pub dev/a", false},
		{"deny all all dev/%u;allow all", "c1", "", "pub other", true},
		{"deny all all dev/%c;allow all", "c1", "", "pub dev/c2", true},
		{"deny all all dev/%c;allow all", "c1", "", "sub dev/+", false},
		{"deny all all dev/%c;allow all", "c1", "", "sub dev/#", false},
	} {
		got := decide(mustRules(t, strings.Split(c.rules, ";")...), asker(c.id, c.user, "::1"), asks(c.asks), false)
		if got != c.want {
			t.Errorf("%s, client %s, user %s, %s: %v, want %v", c.rules, c.id, c.user, c.asks, got, c.want)
		}
	}
}

// TestDecideAllocatesNothing: it is asked for every publish.
func TestDecideAllocatesNothing(t *testing.T) {
	rules := mustRules(t, "deny all subscribe eq #", "deny user bob", "allow ip 11.0.0.0/8", "allow all all dev/%c/x-%u/#")
	who := asker("c1", "alice", "10.0.0.1")
	if n := testing.AllocsPerRun(100, func() { decide(rules, who, action{true, "dev/c1/x-alice/t"}, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	var lines []string
	for range 20 {
		lines = append(lines, "allow user somebody publish a/#")
	}
	rules, err := parseRules("rules", strings.Join(append(lines, "allow all publish dev/%c/#"), "\n"))
	if err != nil {
		b.Fatal(err)
	}
	who := asker("c1", "alice", "10.0.0.1")
	for b.Loop() {
		decide(rules, who, action{true, "dev/c1/temperature"}, false)
	}
}
