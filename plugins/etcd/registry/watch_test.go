package registry

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

// The changes that were missed while the connection was cut are compacted
// away: the watch says so and goes on with a new snapshot.
func TestCompaction(t *testing.T) {
	e := start(t, etcdtest.Options{})
	e.put("/p/c/nodes/n1@h1", entryText(1, ""))
	w := watching(t, e.plugin(9, nil))
	w.snapshot("the first entry", "n1@h1")
	e.Wire(0).Cut(true)
	e.del("/p/c/nodes/n1@h1")
	e.put("/p/c/nodes/n2@h2", entryText(2, ""))
	r, err := e.c.Get(t.Context(), "x")
	if err == nil {
		_, err = e.c.Compact(t.Context(), r.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	e.Wire(0).Cut(false)
	w.until("the resync", func(ev discovery.Event) bool {
		if ev.Snapshot != nil {
			t.Errorf("a snapshot before the resync: %v", namesOf(*ev.Snapshot))
		}
		return ev.Resync != ""
	})
	w.snapshot("what is true now", "n2@h2")
	e.put("/p/c/nodes/n3@h3", entryText(3, ""))
	w.snapshot("what changes then", "n2@h2", "n3@h3")
}

// A watch of an etcd that is gone ends with the reason, in place of showing
// for ever what was true once.
func TestWatchOfADeadEtcd(t *testing.T) {
	e := start(t, etcdtest.Options{})
	w := watching(t, e.plugin(9, nil))
	w.snapshot("the first snapshot")
	e.Wire(0).Cut(true)
	err := w.End(proofEvery + callTime + wait)
	if class := discovery.ClassOf(err); class != discovery.BackendUnavailable {
		t.Errorf("%v: %v", class, err)
	}
}

// However often the entries change, etcd is not asked more than the gap allows.
func TestListsAreSpaced(t *testing.T) {
	e := start(t, etcdtest.Options{})
	w := watching(t, e.plugin(9, nil))
	w.snapshot("the first snapshot")
	began, lists := time.Now(), 0
	for n := range 100 {
		e.put("/p/c/nodes/n@h", entryText(n, ""))
	}
	w.until("the last change", func(ev discovery.Event) bool {
		if ev.Snapshot != nil {
			lists++
		}
		return ev.Snapshot != nil && len(ev.Snapshot.Candidates) == 1 && ev.Snapshot.Candidates[0].NodeUID == fmt.Sprint("u", 99)
	})
	if limit := int(time.Since(began)/listGap) + 2; lists > limit {
		t.Errorf("%d lists within %v", lists, time.Since(began))
	}
}
