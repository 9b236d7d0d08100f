package membership

import (
	"testing"
	"time"
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
