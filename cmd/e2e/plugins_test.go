package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A plugin that is of no use: the node is up, serves its clients, says once
// in its log and at any time in `muster plugins` what is wrong and what to
// do, and goes on trying.
func TestUselessPlugins(t *testing.T) {
	for what, c := range map[string]struct {
		text  string // of the plugin; "" = there is none
		mode  os.FileMode
		words []string
	}{
		"missing":        {"", 0, []string{"cluster.plugins.static.path", "no such file"}},
		"not executable": {"#!/bin/sh\n", 0o600, []string{"cluster.plugins.static.path", "is not executable", "chmod +x"}},
		"no program":     {"\x00\x01\x02\x03", 0o700, []string{"is not a program for this machine"}},
		"ends":           {"#!/bin/sh\necho out of luck >&2\nexit 3\n", 0o700, []string{"ended before the handshake", "exit status 3", "out of luck"}},
		"greets":         {"#!/bin/sh\necho hello\nsleep 60\n", 0o700, []string{`printed \"hello`, "no discovery plugin of muster"}},
		"prints garbage": {"#!/bin/sh\nexec head -c 300000 /dev/urandom\n", 0o700, []string{"before the handshake", "no discovery plugin of muster"}},
		"prints forever": {"#!/bin/sh\nexec cat /dev/zero\n", 0o700, []string{"handshake"}},
		"complains":      {"#!/bin/sh\nyes complaint | head -c 5000000 >&2\nsleep 60\n", 0o700, []string{"no handshake within 5s", "complaint"}},
		"closes stdout":  {"#!/bin/sh\necho bye >&2\nexec >&2\nsleep 60\n", 0o700, []string{"closed its standard output without a handshake", "bye"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "plugin")
			if c.text != "" {
				if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
					t.Fatal(err)
				}
			}
			n := newNodes(t, 1, "cluster.form_after = 200ms\ncluster.plugins.static.path = \""+file+"\"")[0]
			n.start()
			n.waitReady()
			uselessPlugin(n, file, c.words)
		})
	}
}

func uselessPlugin(n *node, file string, words []string) {
	n.t.Helper()
	begin := n.descriptors()
	var p plugin
	until(n.t, patience, "a third try", func() bool {
		p = n.plugin()
		return p.Restarts >= 2
	})
	for _, w := range append(words, file) {
		if !strings.Contains(p.LastError, strings.ReplaceAll(w, `\"`, `"`)) {
			n.t.Errorf("muster plugins says %q, not %q", p.LastError, w)
		}
	}
	if strings.Contains(p.LastError, "\n") || p.State == "ready" {
		n.t.Errorf("the plugin is %+v", p)
	}
	if lines := n.logged("the plugin is down", "plugin=static", file); len(lines) != 1 {
		n.t.Errorf("%d lines in the log:\n%s", len(lines), n.output())
	}
	c := n.connect("served").sub("x")
	c.pub("x", "1", 1)
	c.next("x=1")
	c.Disconnect(0)
	one(n.t, []*node{n}, nil)
	if mb := n.resident() >> 20; mb > 120 {
		n.t.Errorf("the node holds %d MB", mb)
	}
	if now := n.descriptors(); now > begin+30 {
		n.t.Errorf("%d descriptors, %d at the start", now, begin)
	}
	if size := len(n.output()); size > 64<<10 {
		n.t.Errorf("a log of %d bytes", size)
	}
}

// A plugin that refuses its configuration is not started again and again; the
// node says which key is wrong, and serves. Only a foreign plugin comes so far:
// the configuration of our own is checked at the start.
func TestRefusedPluginConfiguration(t *testing.T) {
	n := newNodes(t, 1, fmt.Sprintf(`cluster { discovery_strategy = foreign, form_after = 200ms, foreign.seeds = ["a@127.0.0.1", "b@@h"]
		plugins.foreign.path = "%s/plugins/muster-discovery-static" }`, bin))[0]
	n.start()
	n.waitReady()
	until(t, patience, "the refusal", func() bool { return n.plugin().State == "refused" })
	p := n.plugin()
	if p.Restarts != 0 || p.PID != 0 || !strings.Contains(p.LastError, "seeds[1]") || !strings.Contains(p.LastError, "b@@h") {
		t.Errorf("the plugin is %+v", p)
	}
	if lines := n.logged("level=ERROR", "refuses its configuration", "seeds[1]"); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), n.output())
	}
	one(t, []*node{n}, nil)
}

// A seed that does not resolve keeps nobody from starting, or from finding
// those that do.
func TestSeedThatDoesNotResolve(t *testing.T) {
	nodes := newNodes(t, 2, `cluster.static.seeds += "lost@nowhere.invalid:4370"`)
	for _, n := range nodes {
		n.start()
	}
	for _, n := range nodes {
		n.waitReady()
	}
	one(t, nodes, nil)
	for _, n := range nodes {
		// The cluster may be there before the lookup has failed.
		until(t, patience, "the warning", func() bool { return len(n.logged("level=WARN", "nowhere.invalid")) > 0 })
		if lines := n.logged("level=WARN", "nowhere.invalid"); len(lines) != 1 {
			t.Errorf("%s: %d lines:\n%s", n.name, len(lines), n.output())
		}
	}
	alone := newNodes(t, 1, "cluster.form_after = 300ms\ncluster.static.seeds = [\"nowhere.invalid:4370\"]")[0]
	alone.start()
	alone.waitReady()
	one(t, []*node{alone}, nil)
	until(t, patience, "the reason in muster plugins", func() bool {
		return strings.Contains(alone.muster("plugins"), `"nowhere.invalid:4370" does not resolve`)
	})
	warned := func() []string { return alone.logged("level=WARN", "nowhere.invalid", "does not resolve") }
	until(t, patience, "the warning", func() bool { return len(warned()) > 0 }) // which comes after it
	if lines := warned(); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), alone.output())
	}
	_, errs, status := alone.try("cluster", "join", "nowhere.invalid:4370")
	result{errs: errs, status: status}.refused(t, 1, "nowhere.invalid", "does not resolve")
}
