//go:build linux

package mcast

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/lab"
)

// Three nodes that were told nothing are one cluster soon after their start.
// The goal is a median of 2.5 s; the bound here is for a busy machine.
func TestFormation(t *testing.T) {
	l := lab.New(t, 3)
	bin := build(t)
	var took []time.Duration
	for round := range 3 {
		t.Run("", func(t *testing.T) {
			began := time.Now()
			var nodes []*node
			for i, h := range l.Hosts {
				nodes = append(nodes, start(t, bin, h, 10*round+i+1))
			}
			one(t, nodes...)
			took = append(took, time.Since(began))
			for _, n := range nodes {
				_, rss := n.plugin()
				t.Logf("the plugin of %s holds %d KB", n.name, rss)
			}
		})
	}
	slices.Sort(took)
	t.Logf("from the start of the first process to one cluster: %v", took)
	if took[len(took)/2] > 8*time.Second {
		t.Errorf("the median of %v is too long", took)
	}
}

// A host that was cut off when all started is a cluster of its own, and one
// with the others soon after the cut is healed. With loop = off nodes of
// different hosts find each other all the same.
func TestCutAndHealed(t *testing.T) {
	l := lab.New(t, 3)
	bin := build(t)
	l.CutGroups(l.Hosts[:2], l.Hosts[2:])
	var nodes []*node
	for i, h := range l.Hosts {
		nodes = append(nodes, start(t, bin, h, i+1, "cluster.form_after = 3s", "cluster.mcast.loop = off", "cluster.mcast.iface = eth0"))
	}
	one(t, nodes[:2]...)
	until(t, "the third founds a cluster of its own", func() bool { return strings.Contains(nodes[2].logged(), "decision=found rule=(7)") })
	one(t, nodes[2])
	l.HealAll()
	healed := time.Now()
	one(t, nodes...)
	t.Logf("one cluster %v after the heal", time.Since(healed).Round(time.Millisecond))
	l.CutGroups(l.Hosts[:1], l.Hosts[1:])
	until(t, "the others miss the first", func() bool { return strings.Contains(nodes[1].muster("cluster", "status"), "stopped_nodes") })
	l.HealAll()
	one(t, nodes...)
}

// Garbage, forged and repeated packets at 10,000/s, half of them under the
// addresses of the nodes, cost the plugins little and the cluster nothing; a
// new node still gets in.
func TestFlood(t *testing.T) {
	l := lab.New(t, 4)
	bin := build(t)
	var nodes []*node
	for i, h := range l.Hosts[:2] {
		nodes = append(nodes, start(t, bin, h, i+1))
	}
	cmd := l.Hosts[3].Command(os.Args[0], attackerWord, "6", "10000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	one(t, nodes...)
	lines := bufio.NewScanner(out)
	says := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the attacker says %q, want %q", lines.Text(), want)
		}
	}
	says("begins")
	cpu, rss := nodes[0].plugin()
	nodes = append(nodes, start(t, bin, l.Hosts[2], 3))
	one(t, nodes...)
	says("ends")
	cpuAfter, rssAfter := nodes[0].plugin()
	t.Logf("60,000 packets cost %v and %d KB more than %d KB", cpuAfter-cpu, rssAfter-rss, rss)
	if cpuAfter-cpu > 4*time.Second || rssAfter-rss > 12_000 {
		t.Errorf("%v of CPU time and %d KB for 6 s of a flood", cpuAfter-cpu, rssAfter-rss)
	}
	one(t, nodes...)
	for _, n := range nodes {
		found := n.muster("discovery", "test", "mcast")
		for _, other := range nodes {
			if !strings.Contains(found, other.name) {
				t.Errorf("%s does not find %s:\n%s", n.name, other.name, found)
			}
		}
		if strings.Contains(found, "evil") || strings.Count(found, "@10.77.0.") != 3 {
			t.Errorf("%s finds\n%s", n.name, found)
		}
		if log := n.logged(); strings.Contains(log, "to=suspect") || strings.Contains(log, "to=failed") {
			t.Errorf("%s was disturbed:\n%s", n.name, log)
		}
	}
}
