package route

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// twin is the plain version of an Index.
type twin map[core.Filter]int

func (w twin) match(t core.Topic) []int {
	var got []int
	for f, v := range w {
		if f.Matches(t) {
			got = append(got, v)
		}
	}
	slices.Sort(got)
	return got
}

func values(ptrs []*int) []int {
	var got []int
	for _, p := range ptrs {
		got = append(got, *p)
	}
	slices.Sort(got)
	return got
}

func put(x *Index[int], f core.Filter, v int) error {
	return x.Update(f, func(*int) *int { return &v })
}

func remove(x *Index[int], f core.Filter) error {
	return x.Update(f, func(*int) *int { return nil })
}

var (
	segments = []string{"", "a", "b", "$", "$SYS", "ab", "é", " "}
	topics   = rapid.Custom(func(t *rapid.T) core.Topic {
		return core.Topic(strings.Join(rapid.SliceOfN(rapid.SampledFrom(segments), 1, 6).Draw(t, "levels"), "/"))
	})
	filters = rapid.Custom(func(t *rapid.T) core.Filter {
		levels := rapid.SliceOfN(rapid.SampledFrom(append(segments, "+", "+", "#")), 1, 6).Draw(t, "levels")
		if rapid.IntRange(0, 3).Draw(t, "end") == 0 {
			levels = append(levels[:len(levels)-1], "#")
		}
		return core.Filter(strings.Join(levels, "/"))
	})
)

// TestTwin compares random updates and matches with the plain reading of MQTT.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, w := NewIndex[int](), twin{}
		for n := range rapid.IntRange(1, 80).Draw(t, "updates") {
			f := filters.Draw(t, "filter")
			var err error
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				err = remove(x, f)
				delete(w, f)
			} else if err = put(x, f, n); err == nil {
				w[f] = n
			}
			if want := f.Check(); !errors.Is(err, want) {
				t.Fatalf("%q: %v, want %v", f, err, want)
			}
		}
		for range 10 {
			topic := topics.Draw(t, "topic")
			if diff := cmp.Diff(w.match(topic), values(x.Match(topic, nil))); diff != "" {
				t.Fatalf("%q: %s", topic, diff)
			}
		}
		w.same(t, x)
	})
}

// same checks All, Get and Len.
func (w twin) same(t interface{ Fatalf(string, ...any) }, x *Index[int]) {
	all := twin{}
	for f, v := range x.All() {
		all[f] = *v
		if got := x.Get(f); got == nil || *got != *v {
			t.Fatalf("%q: get %v", f, got)
		}
	}
	if diff := cmp.Diff(w, all); diff != "" || x.Len() != len(w) {
		t.Fatalf("%d filters: %s", x.Len(), diff)
	}
}

// FuzzMatch reads filters and a topic, one a line, and compares.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		"a\na/#\na/+\n#\n+", "a/b\n+/#\na/b/#\n+/+\na/b/c", "$SYS/a\n#\n+/a\n$SYS/#\n$SYS/+",
		"//\n+/+/+\n/#\n//\n#\n//#", "/\n+\n+/\n/+\n/", "a//b\na/+/b\na//+\na/#", "\n#\n+",
		"a\n#\n#/a\na/#\na/#/", "a\n+/#\n#/a\na#\n+a\na/+/#",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		lines := strings.Split(s, "\n")
		x, w := NewIndex[int](), twin{}
		for n, line := range lines[1:] {
			if put(x, core.Filter(line), n) == nil {
				w[core.Filter(line)] = n
			}
		}
		for _, topic := range lines {
			if diff := cmp.Diff(w.match(core.Topic(topic)), values(x.Match(core.Topic(topic), nil))); diff != "" {
				t.Fatalf("%q: %s", topic, diff)
			}
		}
		w.same(t, x)
	})
}

// TestRebuild grows and shrinks an index through many arenas.
func TestRebuild(t *testing.T) {
	x, w := NewIndex[int](), twin{}
	for n := range 30_000 {
		f := mixed(n)
		if err := put(x, f, n); err != nil {
			t.Fatal(err)
		}
		w[f] = n
	}
	w.same(t, x)
	for n := range 27_000 {
		f := mixed(n)
		_ = remove(x, f)
		delete(w, f)
		if n%1000 == 0 && x.Len() != len(w) {
			t.Fatalf("%d filters, want %d", x.Len(), len(w))
		}
	}
	w.same(t, x)
	for _, topic := range []core.Topic{"site/3/dev/29003/x", "tele/29002/up/a/b", "cmd/29001"} {
		if diff := cmp.Diff(w.match(topic), values(x.Match(topic, nil))); diff != "" || len(w.match(topic)) == 0 {
			t.Errorf("%s: %s", topic, diff)
		}
	}
}

// TestDeepAndLong: whatever MQTT allows is matched, in linear time.
func TestDeepAndLong(t *testing.T) {
	long := strings.Repeat("x", 65535)
	deep := strings.Repeat("a/", 32767) + "a"
	slashes := strings.Repeat("/", 65535)
	plus := strings.Repeat("+/", 32766) + "#"
	x, w := NewIndex[int](), twin{}
	for n, f := range []string{long, deep, slashes, plus, "+/" + long[:65530], "#", long[:65533] + "/#", strings.Repeat("+/", 200) + "+", deep[:401] + "/#"} {
		if err := put(x, core.Filter(f), n); err != nil {
			t.Fatal(err)
		}
		w[core.Filter(f)] = n
	}
	for _, topic := range []string{long, deep, slashes, long[:65533], long[:65533] + "/y", deep[:401], deep[:403], slashes[:200]} {
		if diff := cmp.Diff(w.match(core.Topic(topic)), values(x.Match(core.Topic(topic), nil))); diff != "" {
			t.Errorf("%.20s, %d bytes: %s", topic, len(topic), diff)
		}
	}
	w.same(t, x)
}

// TestNotExponential: every mix of 'a' and '+' down to 12 levels, none of
// which matches in the end, costs one visit for each node.
func TestNotExponential(t *testing.T) {
	x := NewIndex[int]()
	const depth = 12
	for n := range 1 << depth {
		levels := make([]string, depth+1)
		for i := range depth {
			levels[i] = string("a+"[n>>i&1])
		}
		levels[depth] = "z"
		_ = put(x, core.Filter(strings.Join(levels, "/")), n)
	}
	topic := strings.TrimSuffix(strings.Repeat("a/", 60), "/")
	if got := x.Match(core.Topic(topic), nil); len(got) != 0 {
		t.Errorf("%d matches", len(got))
	}
}

func TestUpdateCallsOnce(t *testing.T) {
	x := NewIndex[int]()
	calls := 0
	_ = x.Update("a/+", func(old *int) *int { calls++; return old })
	if calls != 1 || x.Len() != 0 {
		t.Errorf("%d calls, %d filters", calls, x.Len())
	}
	if err := x.Update("a/#/b", func(*int) *int { calls++; return nil }); !errors.Is(err, core.ErrWildcard) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestRevive: a filter that comes and goes keeps its place, and wears nothing.
func TestRevive(t *testing.T) {
	x := NewIndex[int]()
	long := core.Filter(strings.Repeat("x", 2000))
	_ = put(x, long, 0)
	before := x.arena.Load()
	for n := range 5000 {
		_ = remove(x, long)
		_ = put(x, long, n)
	}
	if a := x.arena.Load(); a != before || a.dead != 0 || a.deadLen != 0 || x.Len() != 1 {
		t.Errorf("%d dead entries of %d bytes, %d live", a.dead, a.deadLen, x.Len())
	}
}

// TestCollision: filters with the same hash are told apart by their text.
func TestCollision(t *testing.T) {
	x := NewIndex[int]()
	_ = put(x, "a", 1)
	a := x.arena.Load()
	hash := a.hash("b")
	a.exact.put(hash, uint32(hash>>32), a.findExact("a"))
	if got := x.Match("b", nil); len(got) != 0 || x.Get("b") != nil {
		t.Errorf("b has the values of a: %v", values(got))
	}
	_ = put(x, "b", 2)
	if got := values(x.Match("b", nil)); !slices.Equal(got, []int{2}) {
		t.Errorf("b has %v", got)
	}
}

// TestMemoryReturns adds and removes many filters.
func TestMemoryReturns(t *testing.T) {
	x := NewIndex[int]()
	for n := range 2000 { // what an index keeps anyway
		_ = put(x, mixed(n), n)
		_ = remove(x, mixed(n))
	}
	before := heap()
	for n := range 40_000 {
		_ = put(x, mixed(n), n)
	}
	full := heap() - before
	for n := range 40_000 {
		_ = remove(x, mixed(n))
	}
	if left := heap() - before; left > full/10 || x.Len() != 0 {
		t.Errorf("%d bytes of %d are left", left, full)
	}
	runtime.KeepAlive(x)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// mixed returns the n-th of a mix of filters: a third exact, a third with
// '+', a third with '#'.
func mixed(n int) core.Filter {
	switch n % 3 {
	case 0:
		return core.Filter(fmt.Sprintf("cmd/%d", n))
	case 1:
		return core.Filter(fmt.Sprintf("tele/%d/up/#", n))
	}
	return core.Filter(fmt.Sprintf("site/%d/dev/%d/+", n%100, n))
}
