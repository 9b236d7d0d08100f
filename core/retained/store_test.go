package retained

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

var start = time.Unix(1_000_000, 0)

// at is a moment of both clocks.
func at(t time.Time) Now { return Now{Time: t, Stamp: core.StampAt(t)} }

func uid(n int) core.UID { return core.UID{0: byte(n), 9: byte(n)} }

// message is a retained message of node 1 unless changed.
func message(topic string, payload string, stamp core.Stamp) *core.Message {
	return &core.Message{
		Topic: core.Topic(topic), Payload: []byte(payload), Retain: true, QoS: 1,
		Extra: &core.Extra{Stamp: stamp, Node: uid(1)},
	}
}

func expiring(m *core.Message, in time.Duration) *core.Message {
	m.Extra.Expires = start.Add(in)
	return m
}

// all returns the payloads of a store by topic.
func all(s *Store, now time.Time) map[string]string {
	out := map[string]string{}
	for _, m := range match(s, now, "#", 7) {
		out[string(m.Topic)] = string(m.Payload)
	}
	for _, m := range match(s, now, "$SYS/#", 7) {
		out[string(m.Topic)] = string(m.Payload)
	}
	return out
}

func match(s *Store, now time.Time, f core.Filter, max int) (out []*core.Message) {
	for cursor, more := core.Topic(""), true; more; {
		var part []*core.Message
		part, cursor, more = s.Match(now, f, cursor, max)
		out = append(out, part...)
	}
	return out
}

func TestLastStampWins(t *testing.T) {
	other := func(m *core.Message) *core.Message { m.Extra.Node = uid(2); return m }
	tests := []struct {
		name  string
		put   []*core.Message
		want  []Result
		final string
	}{
		{"one", []*core.Message{message("a", "1", 5)}, []Result{Taken}, "1"},
		{"later", []*core.Message{message("a", "1", 5), message("a", "2", 6)}, []Result{Taken, Taken}, "2"},
		{"earlier", []*core.Message{message("a", "1", 6), message("a", "2", 5)}, []Result{Taken, Older}, "1"},
		{"again", []*core.Message{message("a", "1", 6), message("a", "1", 6)}, []Result{Taken, Older}, "1"},
		{"same stamp, higher node", []*core.Message{message("a", "1", 6), other(message("a", "2", 6))}, []Result{Taken, Taken}, "2"},
		{"same stamp, lower node", []*core.Message{other(message("a", "2", 6)), message("a", "1", 6)}, []Result{Taken, Older}, "2"},
		{"deleted [MQTT-3.3.1-6]", []*core.Message{message("a", "1", 5), message("a", "", 6)}, []Result{Taken, Taken}, ""},
		{"deleted before it came", []*core.Message{message("a", "", 6), message("a", "1", 5)}, []Result{Taken, Older}, ""},
		{"set again", []*core.Message{message("a", "", 6), message("a", "1", 7)}, []Result{Taken, Taken}, "1"},
		{"expired on the way", []*core.Message{message("a", "1", 5), expiring(message("a", "2", 6), 0)}, []Result{Taken, Taken}, ""},
	}
	for _, test := range tests {
		for _, ways := range [][]Way{{Published}, {Forwarded}, {Repaired}, {Recovered}} {
			s := New(Options{})
			for i, m := range test.put {
				if got := s.Put(at(start), m, ways[0]); got != test.want[i] {
					t.Errorf("%s: put %d is %d, want %d", test.name, i, got, test.want[i])
				}
			}
			if got := all(s, start)["a"]; got != test.final {
				t.Errorf("%s: %q is kept, want %q", test.name, got, test.final)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	s := New(Options{MaxMessages: 2, MaxTombstones: 2})
	put := func(m *core.Message, want Result) {
		t.Helper()
		if got := s.Put(at(start), m, Published); got != want {
			t.Errorf("%s: %d, want %d", m.Topic, got, want)
		}
	}
	put(message("a", "1", 1), Taken)
	put(message("b", "1", 2), Taken)
	put(message("c", "1", 3), Full)
	put(message("b", "2", 4), Taken)
	for i := range 5 {
		put(message(fmt.Sprint("gone", i), "", core.Stamp(10+i)), Taken)
	}
	put(message("a", "", 20), Taken)
	put(message("c", "1", 21), Taken)
	counts := countsOf(s)
	want := map[string]uint64{"retained_messages": 2, "retained_tombstones": 2, "retained_dropped_total full": 1, "retained_tombstones_dropped_total too_many": 4}
	for name, n := range want {
		if counts[name] != n {
			t.Errorf("%s is %d, want %d", name, counts[name], n)
		}
	}
}

func countsOf(s *Store) map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range s.Counts() {
		name := c.Name
		if c.Reason != "" {
			name += " " + c.Reason
		}
		out[name] = c.Value
	}
	return out
}

// A message that would not fit any more takes the one that it overwrites with
// it: a subscriber must not get what its publisher has overwritten.
func TestFullByBytes(t *testing.T) {
	s := New(Options{MaxBytes: 2*overhead + 100})
	s.Put(at(start), message("a", "1", 1), Published)
	s.Put(at(start), message("b", "1", 2), Published)
	if got := s.Put(at(start), message("a", fmt.Sprint(make([]byte, 100)), 3), Published); got != Full {
		t.Errorf("too long a message: %d", got)
	}
	if got := all(s, start); !maps.Equal(got, map[string]string{"b": "1"}) {
		t.Errorf("kept %v", got)
	}
	if c := countsOf(s); c["retained_bytes"] != uint64(size(message("b", "1", 2))) {
		t.Errorf("%d bytes counted", c["retained_bytes"])
	}
}

func TestExpiry(t *testing.T) {
	s := New(Options{})
	for i := range 10 {
		s.Put(at(start), expiring(message(fmt.Sprint("t", i), "x", 1), time.Duration(10-i)*time.Second), Published)
	}
	s.Put(at(start), message("stays", "x", 1), Published)
	later := start.Add(5 * time.Second)
	if n := len(all(s, later)); n != 6 {
		t.Errorf("%d are seen after 5 s, want 6", n)
	}
	if a, b := s.Expire(at(later), 3), s.Expire(at(later), 30); a != 3 || b != 2 {
		t.Errorf("expired %d and %d, want 3 and 2", a, b)
	}
	if got := s.Put(at(later), message("t9", "old", 1), Forwarded); got != Older {
		t.Errorf("the same write again: %d", got)
	}
	if got := s.Put(at(later), message("t9", "new", 2), Forwarded); got != Taken {
		t.Errorf("a later one: %d", got)
	}
}

// What arrives so late that its tombstone may be gone is left to a repair.
func TestLate(t *testing.T) {
	s := New(Options{})
	s.Put(at(start), message("a", "", 10), Published)
	if n := s.Collect(start.Add(time.Hour), []core.UID{s.opts.Self, uid(7)}, 100); n != 0 {
		t.Error("forgotten without the acknowledgement of a member")
	}
	if n := s.Collect(start, nil, 100); n != 0 {
		t.Error("forgotten before its age")
	}
	if n := s.Collect(start.Add(time.Hour), []core.UID{s.opts.Self}, 100); n != 1 {
		t.Error("not forgotten")
	}
	if got := s.Put(at(start), message("a", "x", 10), Forwarded); got != Late {
		t.Errorf("on a lane: %d", got)
	}
	if got := s.Put(at(start), message("a", "x", 10), Repaired); got != Taken {
		t.Errorf("in a repair: %d", got)
	}
	if got := s.Bury(at(start), Key{Topic: "b", Token: core.Token{Stamp: 9}}, Forwarded); got != Late {
		t.Errorf("a late deletion: %d", got)
	}
}

// TestTwin checks a store against a plain map, whatever is done to it.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := start
		s := New(Options{MaxMessages: 40})
		twin := map[core.Topic]*core.Message{} // a payload of none is a tombstone
		topic := rapid.Custom(drawTopic)
		for range rapid.IntRange(0, 150).Draw(t, "steps") {
			m := message(topic.Draw(t, "topic"), rapid.StringN(0, 2, -1).Draw(t, "payload"), core.Stamp(rapid.IntRange(1, 30).Draw(t, "stamp")))
			m.Extra.Node = uid(rapid.IntRange(1, 3).Draw(t, "node"))
			if rapid.IntRange(0, 4).Draw(t, "expires") == 0 {
				expiring(m, time.Duration(rapid.IntRange(1, 100).Draw(t, "in"))*time.Second)
			}
			twinPut(s, twin, now, m)
			now = now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "pass")) * time.Second)
		}
		checkTwin(t, s, twin, now)
		f := core.Filter(drawFilter(t))
		var want, got []string
		for _, m := range twin {
			if len(m.Payload) > 0 && !m.Expired(now) && f.Matches(m.Topic) {
				want = append(want, string(m.Topic))
			}
		}
		for _, m := range match(s, now, f, rapid.IntRange(1, 9).Draw(t, "piece")) {
			got = append(got, string(m.Topic))
		}
		if !slices.IsSortedFunc(got, func(a, b string) int { return sign(before(core.Topic(a), core.Topic(b))) }) {
			t.Errorf("%s: not in order: %q", f, got)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	})
}

func sign(less bool) int {
	if less {
		return -1
	}
	return 1
}

func twinPut(s *Store, twin map[core.Topic]*core.Message, now time.Time, m *core.Message) {
	s.Put(at(now), m, Published)
	if m.Expired(now) {
		m = &core.Message{Topic: m.Topic, Extra: m.Extra}
	}
	old, live := twin[m.Topic], 0
	for _, o := range twin {
		if len(o.Payload) > 0 {
			live++
		}
	}
	c := 1
	if old != nil {
		c = keyOf(m).Token.Compare(keyOf(old).Token)
	}
	switch dead := len(m.Payload) == 0; {
	case c < 0 || c == 0 && (!dead || len(old.Payload) == 0):
	case !dead && live >= 40 && (old == nil || len(old.Payload) == 0):
		if old != nil && len(old.Payload) > 0 {
			delete(twin, m.Topic)
		}
	default:
		twin[m.Topic] = m
	}
}

// checkTwin checks the contents, the sums and the order of a store.
func checkTwin(t *rapid.T, s *Store, twin map[core.Topic]*core.Message, now time.Time) {
	var sums Sums
	bytes, live := 0, 0
	for topic, m := range twin {
		got := s.Item(topic)
		if got == nil || keyOf(got) != keyOf(m) || string(got.Payload) != string(m.Payload) {
			t.Fatalf("%q is %+v, want %+v", topic, got, m)
		}
		if len(m.Payload) > 0 {
			h := hashOf(&s.opts.Seed, topic)
			sums[bucketOf(h)] += sumOf(h, keyOf(m).Token)
			bytes, live = bytes+size(m), live+1
		}
	}
	if sums != s.Sums() || bytes != s.bytes || live != s.live || s.stream.alive != len(twin)-live {
		t.Fatalf("%d messages of %d bytes, want %d of %d; tombstones %d", s.live, s.bytes, live, bytes, s.stream.alive)
	}
	n := 0
	var last *entry
	for _, block := range s.order.blocks {
		for _, e := range block {
			if n++; last != nil && !before(last.topic, e.topic) {
				t.Fatalf("%q after %q", e.topic, last.topic)
			}
			last = e
		}
	}
	if n != len(twin) {
		t.Fatalf("%d entries in order, want %d", n, len(twin))
	}
}

func drawTopic(t *rapid.T) string {
	level := rapid.SampledFrom([]string{"a", "b", "ab", "", "$x", "a!", "\x01", "-"})
	topic := level.Draw(t, "level")
	for range rapid.IntRange(0, 3).Draw(t, "levels") {
		topic += "/" + level.Draw(t, "level")
	}
	if topic == "" {
		return "a"
	}
	return topic
}

func drawFilter(t *rapid.T) string {
	level := rapid.SampledFrom([]string{"a", "b", "+", "+", "ab", "", "$x", "a!"})
	f := level.Draw(t, "level")
	for range rapid.IntRange(0, 3).Draw(t, "levels") {
		f += "/" + level.Draw(t, "level")
	}
	switch rapid.IntRange(0, 2).Draw(t, "end") {
	case 0:
		f += "/#"
	case 1:
		if rapid.Bool().Draw(t, "all") {
			f = "#"
		}
	}
	if f == "" {
		return "#"
	}
	return f
}

// Blocks split and merge; the order stays one.
func TestOrderOfManyTopics(t *testing.T) {
	s := New(Options{})
	for i := range 3000 {
		s.Put(at(start), message(fmt.Sprintf("d/%d/t", i*7919%3000), "x", 1), Published)
	}
	if n := len(match(s, start, "d/+/t", 100)); n != 3000 {
		t.Errorf("%d found", n)
	}
	for i := range 2990 {
		s.forget(s.order.get(core.Topic(fmt.Sprintf("d/%d/t", i))), Forgot)
	}
	if n := len(match(s, start, "d/#", 100)); n != 10 || len(s.order.blocks) > 2 {
		t.Errorf("%d left, in %d blocks", n, len(s.order.blocks))
	}
}

// A filter finds its topics without a look at the others.
func TestMatchLooksAtLittle(t *testing.T) {
	s := New(Options{})
	for i := range 20_000 {
		s.Put(at(start), message(fmt.Sprintf("d/%05d/a", i), "x", 1), Published)
		s.Put(at(start), message(fmt.Sprintf("e/%d", i), "x", 1), Published)
	}
	s.Put(at(start), message("d/01000/b/c", "x", 1), Published)
	for f, want := range map[core.Filter]int{"d/00500/+": 1, "d/01000/#": 2, "x/#": 0, "d/01000/+/c": 1, "e": 0, "+/x": 0} {
		got, _, more := s.Match(start, f, "", 12)
		if len(got) != want || more {
			t.Errorf("%s: %d found, more %v", f, len(got), more)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := New(Options{})
	topics := make([]string, 100_000)
	for i := range topics {
		topics[i] = fmt.Sprintf("device/%d/state", i)
	}
	b.ReportAllocs()
	stamp := core.Stamp(0)
	for b.Loop() {
		stamp++
		s.Put(at(start), message(topics[int(stamp)%len(topics)], "x", stamp), Published)
	}
}
