package membership

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// CONTRACT 2: a new uid under the name of a failed or left member replaces it:
// also when it comes before the old one is known to be down, as it may where
// both know the cluster from the backend's claim.
func TestNamesake(t *testing.T) {
	for what, wait := range map[string]time.Duration{"after": time.Minute, "before": time.Second} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 4, Options{})
			w.link(0, 1)
			w.link(0, 2)
			w.nodes[3].down = true
			w.run(10 * time.Second)
			w.kill(2)
			for i := range 3 { // a process that does not even refuse
				w.cut[[2]int{i, 2}], w.cut[[2]int{2, i}] = true, true
			}
			w.run(wait)
			reborn := w.nodes[3]
			reborn.down, reborn.rec.Name = false, w.nodes[2].rec.Name
			reborn.s = New(reborn.rec, 1, Options{})
			w.link(3, 0)
			w.run(time.Minute)
			for _, i := range []int{0, 1, 3} {
				w.is(i, "aa-a")
			}
		})
	}
}

// Of two live nodes with one name neither is forgotten; and one that was,
// while it was cut off, is a member again when it is met.
func TestNamesakesThatLive(t *testing.T) {
	w := newWorld(t, 3, Options{})
	w.nodes[2].rec.Name = w.nodes[1].rec.Name
	w.nodes[2].s = New(w.nodes[2].rec, 1, Options{})
	w.link(0, 1)
	w.link(0, 2)
	w.run(time.Minute)
	w.all("aaa")
	w.split(true, []int{2}, []int{0, 1})
	w.run(time.Minute)
	w.is(0, "aa-")
	w.split(false, []int{2}, []int{0, 1})
	w.run(time.Minute)
	w.all("aaa")
}

// The one that joined first keeps the name, at every node, and is found by it;
// the other is found by the name that it is called. When the first is gone the
// other has its name back.
func TestNamesOfNamesakes(t *testing.T) {
	w := newWorld(t, 3, Options{})
	for i := 1; i < 3; i++ {
		w.nodes[i].rec.Name, w.nodes[i].rec.Joined = "n@[::1]", core.Stamp(10-i)
		w.nodes[i].s = New(w.nodes[i].rec, 1, Options{})
	}
	w.link(0, 1)
	w.link(0, 2)
	w.run(time.Minute)
	w.all("aaa")
	late := core.NodeID("n~" + w.nodes[1].rec.UID.String()[:4] + "@[::1]")
	for i, n := range w.nodes {
		if a, b := n.s.Name(w.nodes[1].rec.UID), n.s.Name(w.nodes[2].rec.UID); a != late || b != "n@[::1]" {
			t.Errorf("node %d calls them %s and %s", i, a, b)
		}
	}
	var names []core.NodeID
	for _, m := range w.nodes[2].s.Members() {
		names = append(names, m.Name)
	}
	if !slices.Contains(names, late) || !slices.Contains(names, "n@[::1]") {
		t.Errorf("members %v", names)
	}
	if err := w.nodes[1].s.Remove(w.now, 1, late); err == nil || !strings.Contains(err.Error(), "this node") {
		t.Errorf("removing itself: %v", err)
	}
	w.kill(2)
	w.run(time.Minute)
	if name := w.nodes[0].s.Name(w.nodes[1].rec.UID); name != "n@[::1]" {
		t.Errorf("left alone with its name it is called %s", name)
	}
	if name := w.nodes[0].s.Name(core.UID{0xff}); name != "" {
		t.Errorf("a stranger is called %s", name)
	}
}
