package outsiders

import (
	"os"
	"syscall"
	"testing"
)

// Three nodes form one cluster through an outsider's plugin, and a member that
// is listed later is found by its watch.
func TestCluster(t *testing.T) {
	each(t, func(t *testing.T, strategy string) { clusterOfThree(t, strategy, strategy, strategy) })
	t.Run("mixed", func(t *testing.T) {
		python(t)
		t.Parallel()
		clusterOfThree(t, "hello", "hello-python", "hello")
	})
}

func clusterOfThree(t *testing.T, strategies ...string) {
	nodes := newNodes(t, strategies...)
	for _, n := range nodes[:2] {
		n.knows(nodes[0].line(), nodes[1].line(), "# more to come")
	}
	late := nodes[2]
	late.knows("# nobody yet")
	for _, n := range nodes {
		n.start()
	}
	one(nodes[:2]...)
	var before state // with an error, if an interpreter took its time to start
	late.until("a watch of a file with nobody in it", func() bool {
		before = late.discovery()
		return before.State == "ready" && before.Watching && before.Candidates == 0
	})
	late.knows(nodes[1].address, "not an address")
	one(nodes...)
	if s := late.discovery(); s.Candidates != 1 || len(s.Warnings) != 1 || s.ErrorClass != before.ErrorClass || s.ErrorAt != before.ErrorAt {
		t.Errorf("%+v, before that %+v", s, before)
	}
}

// Whatever becomes of the plugin or of its file, the cluster stays; the plugin
// comes back, and what is wrong with the file is told by its class.
func TestTrouble(t *testing.T) {
	each(t, func(t *testing.T, strategy string) {
		nodes := newNodes(t, strategy, strategy)
		for _, n := range nodes {
			n.knows(nodes[0].line(), nodes[1].line())
			n.start()
		}
		one(nodes...)
		n := nodes[0]
		var killed state // the cluster may have formed before the plugin of this node was ready
		n.until("the plugin", func() bool { killed = n.plugin(); return killed.State == "ready" })
		if err := syscall.Kill(killed.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		n.until("another process of the plugin", func() bool {
			s := n.plugin()
			return s.State == "ready" && s.PID != killed.PID && s.Restarts > killed.Restarts // by more than one, if the first was late
		})
		if err := os.Remove(n.file()); err != nil {
			t.Fatal(err)
		}
		n.until("the missing file", func() bool { return n.discovery().ErrorClass == "SOURCE_NOT_FOUND" })
		if err := os.Mkdir(n.file(), 0o700); err != nil {
			t.Fatal(err)
		}
		n.until("the directory in its place", func() bool { return n.discovery().ErrorClass == "BACKEND_UNAVAILABLE" })
		one(nodes...)
		if s := n.plugin(); s.State != "ready" {
			t.Errorf("%+v", s)
		}
	})
}

// A plugin does not outlive its node, however that ends.
func TestNodeEnds(t *testing.T) {
	each(t, func(t *testing.T, strategy string) {
		for _, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			n := newNodes(t, strategy)[0]
			n.knows(n.line())
			n.start()
			n.until("the plugin", func() bool { return n.plugin().State == "ready" })
			pid := n.plugin().PID
			n.end(signal)
			n.until("the end of the plugin", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
		}
	})
}
