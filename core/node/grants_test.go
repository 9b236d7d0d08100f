package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// quiet is a subscriber that does nothing with what it gets.
type quiet struct{ number uint64 }

func (q *quiet) Deliver(*core.Message, core.Grant)    {}
func (q *quiet) Offer(*core.Message, core.Grant) bool { return true }
func (q *quiet) Number() uint64                       { return q.number }
func (q *quiet) ClientID() string                     { return "q" }

var _ core.Subscriber = (*quiet)(nil)

// solo is a node without a transport's help: only its own sessions.
func solo(c *cluster) *testNode {
	c.start("n1")
	time.Sleep(20 * time.Second)
	return c.nodes["n1"]
}

func grant(f core.Filter, g core.Grant) core.Subscription {
	return core.Subscription{Filter: f, Grant: g}
}

// A message that matches several subscriptions of one session is delivered
// once, at the highest QoS [MQTT-3.3.5-1], with all identifiers
// [MQTT-3.3.4-3]; one with No Local that its own client published does not
// count [MQTT-3.8.3-3].
func TestMergedGrants(t *testing.T) {
	tests := []struct {
		name      string
		publisher string
		subs      []core.Subscription
		want      []core.Grant
	}{
		{"highest QoS, all identifiers", "p", []core.Subscription{
			grant("a/b", core.Grant{QoS: 1, IDs: []uint32{1}}), grant("a/+", core.Grant{QoS: 2}), grant("#", core.Grant{IDs: []uint32{7}}),
		}, []core.Grant{{QoS: 2, IDs: []uint32{1, 7}}}},
		{"retain as published by one of them", "p", []core.Subscription{
			grant("a/b", core.Grant{QoS: 1}), grant("#", core.Grant{RetainAsPublished: true}),
		}, []core.Grant{{QoS: 1, RetainAsPublished: true}}},
		{"own, no local", "me", []core.Subscription{grant("a/b", core.Grant{QoS: 1, NoLocal: true})}, nil},
		{"own, no local on one of two", "me", []core.Subscription{
			grant("a/b", core.Grant{QoS: 2, NoLocal: true, IDs: []uint32{3}}), grant("a/#", core.Grant{QoS: 1, IDs: []uint32{4}}),
		}, []core.Grant{{QoS: 1, IDs: []uint32{4}}}},
		{"own, no local on both", "me", []core.Subscription{
			grant("a/b", core.Grant{NoLocal: true}), grant("a/#", core.Grant{NoLocal: true}),
		}, nil},
		{"another's, no local", "p", []core.Subscription{grant("a/b", core.Grant{QoS: 1, NoLocal: true})}, []core.Grant{{QoS: 1, NoLocal: true}}},
		{"own and shared are apart", "p", []core.Subscription{
			grant("a/b", core.Grant{QoS: 1}), {Filter: "a/b", Group: "g", Grant: core.Grant{QoS: 2}}, {Filter: "a/b", Group: "h"},
		}, []core.Grant{{QoS: 1}, {QoS: 2}, {}}},
	}
	for _, test := range tests {
		bubble(t, func(c *cluster) {
			a := solo(c)
			i, before := newInbox(), newInbox()
			i.id = "me"
			a.Subscribe(before, at("#", 0), func() {})
			for _, s := range test.subs {
				a.Subscribe(i, s, func() {})
			}
			m := &core.Message{Topic: "a/b", QoS: 2, Publisher: test.publisher}
			matched := false
			if err := a.Publish(t.Context(), m, core.Outcome{Accepted: func(m bool) { matched = m }}); err != nil || !matched {
				t.Errorf("%s: %v, matched %v", test.name, err, matched)
			}
			for _, g := range i.grants {
				slices.Sort(g.IDs)
			}
			if diff := cmp.Diff(test.want, i.grants); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
			if len(before.got) != 1 {
				t.Errorf("%s: the other session got %v", test.name, before.got)
			}
		})
	}
}

// deliver is checked against a walk over all subscriptions.
func TestSubsTwin(t *testing.T) {
	filters := []core.Filter{"a", "a/b", "a/#", "+/b", "#", "a/+"}
	rapid.Check(t, func(t *rapid.T) {
		s := newSubs()
		type key struct {
			f    core.Filter
			g    string
			from int
		}
		twin := map[key]core.Grant{}
		boxes := []*inbox{newInbox(), newInbox(), newInbox()}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			k := key{
				f: rapid.SampledFrom(filters).Draw(t, "filter"), g: rapid.SampledFrom([]string{"", "", "g", "h"}).Draw(t, "group"),
				from: rapid.IntRange(0, 2).Draw(t, "session"),
			}
			if rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				s.remove(k.f, k.g, boxes[k.from].number)
				delete(twin, k)
			} else {
				g := core.Grant{QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), NoLocal: k.g == "" && rapid.Bool().Draw(t, "no local")}
				s.add(core.Subscription{Filter: k.f, Group: k.g, Grant: g}, boxes[k.from])
				twin[k] = g
			}
		}
		m := &core.Message{Topic: rapid.SampledFrom([]core.Topic{"a", "a/b", "c/b"}).Draw(t, "topic"), QoS: 2, Publisher: boxes[0].id}
		shares, own, noLocal := map[string]bool{}, map[int]core.QoS{}, 0
		for k, g := range twin {
			if g.NoLocal {
				noLocal++
			}
			switch {
			case !k.f.Matches(m.Topic) || g.NoLocal && k.from == 0:
			case k.g != "":
				shares[k.g+string(k.f)] = true
			default:
				own[k.from] = max(own[k.from], g.QoS)
			}
		}
		delivered, _ := s.deliver(m)
		if delivered != len(own)+len(shares) || s.noLocal != noLocal {
			t.Fatalf("%d deliveries, want %d and %d; %d with no local, want %d", delivered, len(own), len(shares), s.noLocal, noLocal)
		}
		got := 0
		for i, b := range boxes {
			got += len(b.got)
			if qos, ok := own[i]; ok && !slices.ContainsFunc(b.grants, func(g core.Grant) bool { return g.QoS == qos }) {
				t.Fatalf("session %d has no delivery at QoS %d: %+v", i, qos, b.grants)
			}
		}
		if got != delivered {
			t.Fatalf("%d delivered, %d arrived", delivered, got)
		}
	})
}

// A shared subscription gives each message to one of its sessions, in turn
// [MQTT 4.8.2]; to the next when one has no use for it; and when none has,
// it waits for the one whose turn it is.
func TestSharedSubscriptions(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, _ := c.three()
		boxes := []*inbox{newInbox(), newInbox(), newInbox()}
		for _, i := range boxes {
			b.Subscribe(i, core.Subscription{Filter: "s/#", Group: "g", Grant: core.Grant{QoS: 1}}, func() {})
		}
		other := newInbox()
		b.Subscribe(other, core.Subscription{Filter: "s/#", Group: "h", Grant: core.Grant{QoS: 1}}, func() {})
		time.Sleep(time.Second)
		counts := func() (out []int) {
			for i := range 30 {
				a.pub("s/x", fmt.Sprint(i), 1)
			}
			for _, i := range boxes {
				out = append(out, len(i.take()))
			}
			return out
		}
		if got := counts(); !slices.Equal(got, []int{10, 10, 10}) {
			t.Errorf("in turn: %v", got)
		}
		boxes[1].away = true
		if got := counts(); got[0]+got[2] != 30 || got[0] < 10 || got[2] < 10 {
			t.Errorf("with one away: %v", got)
		}
		boxes[0].away, boxes[2].away = true, true
		if got := counts(); !slices.Equal(got, []int{10, 10, 10}) {
			t.Errorf("with all away: %v", got)
		}
		b.Unsubscribe(boxes[0], "s/#", "g")
		if got := counts(); !slices.Equal(got, []int{0, 15, 15}) {
			t.Errorf("after one has unsubscribed: %v", got)
		}
		if n := len(other.take()); n != 120 {
			t.Errorf("the other group got %d of 120", n)
		}
		b.Unsubscribe(boxes[1], "s/#", "g")
		b.Unsubscribe(boxes[2], "s/#", "g")
		if r := fmt.Sprint(a.Routes()); !strings.Contains(r, "s/#") {
			t.Errorf("no route while another group is there: %s", r)
		}
		b.Unsubscribe(other, "s/#", "")
		b.Unsubscribe(other, "s/#", "h")
		time.Sleep(time.Second)
		if r := a.Routes(); len(r) != 0 {
			t.Errorf("routes left: %v", r)
		}
	})
}

// A client's own message that comes from another node is left out as well: it
// has moved, or its will was published there.
func TestNoLocalAcrossNodes(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b, d := c.three()
		i := newInbox()
		done := make(chan struct{})
		b.Subscribe(i, grant("x", core.Grant{QoS: 1, NoLocal: true}), func() { close(done) })
		<-done
		for _, p := range []string{i.id, "another"} {
			accepted := make(chan struct{})
			m := &core.Message{Topic: "x", Payload: []byte(p), QoS: 1, Publisher: p}
			if err := a.Publish(t.Context(), m, then(func() { close(accepted) })); err != nil {
				t.Fatal(err)
			}
			<-accepted
		}
		if got := i.take(); !slices.Equal(got, []string{"x=another/1"}) {
			t.Errorf("got %v", got)
		}
		if a.wantPublishers.Load() == 0 {
			t.Error("nobody asks for publishers")
		}
		b.Unsubscribe(i, "x", "")
		time.Sleep(time.Second)
		if a.wantPublishers.Load() != 0 || d.wantPublishers.Load() != 0 {
			t.Error("publishers are still asked for")
		}
	})
}

// A plain delivery allocates nothing, to however many filters it matches.
func TestDeliverAllocatesNothing(t *testing.T) {
	s := newSubs()
	for i := range 10 {
		for _, f := range []core.Filter{"a/b", "a/+", "#"} {
			s.add(core.Subscription{Filter: f, Grant: core.Grant{QoS: 1, NoLocal: i == 0}}, &quiet{number: uint64(i)})
		}
		s.add(core.Subscription{Filter: "one"}, &quiet{number: uint64(i)})
		s.add(core.Subscription{Filter: "share", Group: "g"}, &quiet{number: uint64(i)})
	}
	for topic, want := range map[core.Topic]int{"a/b": 10, "one": 10, "share": 11} { // "#" matches all
		m := &core.Message{Topic: topic, Publisher: "p"}
		if n := testing.AllocsPerRun(100, func() {
			if got, _ := s.deliver(m); got != want {
				t.Fatalf("%s: %d deliveries, want %d", topic, got, want)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", topic, n)
		}
	}
	n := bare(t)
	for i := range 10 {
		n.Subscribe(&quiet{number: uint64(i)}, at("a/b", 1), func() {})
	}
	accepted := core.Outcome{Accepted: func(bool) {}}
	for qos := range core.QoS(3) {
		m := &core.Message{Topic: "a/b", QoS: qos, Publisher: "p"}
		if got := testing.AllocsPerRun(100, func() { _ = n.Publish(context.Background(), m, accepted) }); got != 0 {
			t.Errorf("publish at QoS %d: %v allocations", qos, got)
		}
	}
}
