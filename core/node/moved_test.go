package node

import (
	"testing"
	"time"
)

// CONTRACT, PLUGINS "k8s": all pods are replaced at once, each with its data
// directory and at a new address. Everybody remembers everybody where nobody
// is any more; discovery tells where they are.
func TestAllMovedAtOnce(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, _, _ := c.three()
		before := a.Cluster()
		names := []string{"n1", "n2", "n3"}
		for _, name := range names {
			c.nodes[name].halt()
		}
		c.seeds = []string{"m1:1", "m2:1", "m3:1"}
		for _, name := range names {
			c.tweak = func(o *Options) { o.Transport = c.net.Endpoint("m" + name[1:] + ":1") }
			c.start(name)
		}
		time.Sleep(15 * time.Second)
		c.one(names...)
		if got := c.nodes["n1"].Cluster(); got != before {
			t.Errorf("in %v, want %v", got, before)
		}
	})
}
