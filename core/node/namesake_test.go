package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// CONTRACT 2: of two nodes of one name the one that comes later is refused at
// a join; when a strategy merges two clusters it stays, serves on, and is
// called after its uid too.
func TestNamesakesAfterAMerge(t *testing.T) {
	bubble(t, func(c *cluster) {
		a := c.manual("n1")
		time.Sleep(time.Second)
		c.tweak = func(o *Options) { o.Form.Manual, o.Sources, o.Saved.Name = true, nil, "n1@n1" }
		b, joins := c.start("n2"), c.start("n3")
		<-b.Formed()
		<-joins.Formed()
		in := b.sub("t")
		if _, err := b.Merge(t.Context(), []string{"n1:1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		want := []string{"n1@n1", "n1~0200@n1"}
		for _, n := range []*testNode{a, b} {
			var names []string
			for _, m := range n.Members() {
				names = append(names, fmt.Sprint(m.Name))
			}
			if !slices.Equal(names, want) {
				t.Errorf("members %v, want %v", names, want)
			}
			if r := fmt.Sprint(n.RoutesOf("t")); r != "[{t n1~0200@n1}]" {
				t.Errorf("routes %s", r)
			}
		}
		if a.called != "n1@n1" || b.called != "n1~0200@n1" { // of which b's log warns
			t.Errorf("they know themselves as %s and %s", a.called, b.called)
		}
		a.pub("t", "x", 1)
		if got := in.take(); len(got) != 1 {
			t.Errorf("it got %v", got)
		}
		if err := joins.Join(t.Context(), "n1:1"); err == nil || !strings.Contains(err.Error(), "another live node is called n1@n1") {
			t.Errorf("a join under a name that is taken: %v", err)
		}
		if err := a.ForceLeave(t.Context(), core.NodeID(want[1])); err != nil {
			t.Error(err)
		}
	})
}
