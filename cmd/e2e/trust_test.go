package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Two nodes that name each other and have different cookies: neither lets the
// other in, both say so once, name the address, and serve on.
func TestWrongCookie(t *testing.T) {
	nodes := newNodes(t, 2, "cluster.form_after = 500ms\ndashboard = null")
	nodes[1].conf += "\nnode.cookie = another-cookie-of-the-end-to-end-tests"
	for i := range nodes {
		nodes[i].conf = strings.Replace(nodes[i].conf, "\ndashboard = null", "", 1)
		nodes[i].start()
	}
	for i, n := range nodes {
		n.waitReady()
		until(t, 20*time.Second, "several refusals", func() bool { return n.count("hellos_refused_total") >= 4 })
		other := nodes[1-i]
		if dialled := n.logged("level=WARN", "another cookie", "node.cookie", "127.0.0.1:"+portOf(other)); len(dialled) != 1 {
			t.Errorf("%s, which dials, has logged %d lines:\n%s", n.name, len(dialled), n.output())
		}
		if accepted := n.logged("level=WARN", "hello refused", "cookie differs", "remote=127.0.0.1:"); len(accepted) != 1 {
			t.Errorf("%s, which is dialled, has logged %d lines:\n%s", n.name, len(accepted), n.output())
		}
		one(t, []*node{n}, nil)
		c := n.connect("served").sub("x")
		c.pub("x", "1", 1)
		c.next("x=1")
	}
	for _, command := range [][]string{{"cluster", "join"}, {"join"}} {
		_, errs, status := nodes[1].try(append(command, "127.0.0.1:"+portOf(nodes[0]))...)
		result{errs: errs, status: status}.refused(t, 1, "127.0.0.1:"+portOf(nodes[0]), "another cookie", "give both nodes the same node.cookie")
	}
	one(t, nodes[:1], nil)
	one(t, nodes[1:], nil)
}

func portOf(n *node) string { _, p, _ := strings.Cut(n.advertised(), ":"); return p }

// The cookie stays in the memory of the node: it is in no argument, in no
// plugin's environment, in no log, answer or file of the node.
func TestCookieIsNowhere(t *testing.T) {
	const secret = "kept-kept-kept-kept-secret"
	nodes := newNodes(t, 2, "log.level = debug")
	file := filepath.Join(t.TempDir(), "cookie")
	writeFile(t, file, secret+"\n")
	texts := map[string]string{}
	for i, n := range nodes {
		n.conf = strings.Replace(n.conf, "the-cookie-of-the-end-to-end-tests", []string{secret, "file://" + file}[i], 1)
		n.start()
	}
	one(t, nodes, nil)
	for _, n := range nodes {
		n.connect("c").sub("x").pub("x", "1", 1)
		for _, path := range []string{
			"/v1/cluster", "/v1/members", "/v1/members/" + n.name, "/v1/routes", "/v1/plugins", "/health/live", "/health/ready", "/metrics", "/nowhere",
		} {
			texts[n.name+" "+path] = n.get(path)
		}
		p := n.readyPlugin(0)
		for _, what := range []string{"cmdline", "environ"} {
			texts[n.name+" plugin "+what] = proc(t, p.PID, what)
			texts[n.name+" "+what] = proc(t, n.cmd.Process.Pid, what)
		}
		shown := run1(t, nil, "config", "show", "-c", n.dir+".conf")
		texts[n.name+" config show"] = shown.out + shown.errs
		shown = run1(t, nil, "config", "show", "--json", "-c", n.dir+".conf")
		texts[n.name+" config show --json"] = shown.out + shown.errs
		files(t, n.dir, texts)
		texts[n.name+" log"] = n.output()
	}
	for what, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("the cookie is in %s", what)
		}
		if text == "" && !strings.HasSuffix(what, "lock") {
			t.Errorf("%s is empty", what)
		}
	}
}

// A cookie that came by the environment goes no further, and one that is
// refused is not quoted.
func TestCookieFromTheEnvironment(t *testing.T) {
	const secret = "kept-kept-kept-kept-secret"
	n := newNodes(t, 1, "log.level = debug")[0]
	n.conf = strings.Replace(n.conf, `cookie = "the-cookie-of-the-end-to-end-tests"`, "", 1)
	n.env = []string{"MUSTER_NODE__COOKIE=" + secret}
	n.start()
	n.waitReady()
	p := n.readyPlugin(0)
	for what, text := range map[string]string{"environ": proc(t, p.PID, "environ"), "log": n.output(), "cmdline": proc(t, p.PID, "cmdline")} {
		if strings.Contains(text, "secret") || strings.Contains(text, "MUSTER_NODE") {
			t.Errorf("the plugin's %s: %q", what, text)
		}
	}
	n.stop()
	r := run1(t, []string{`MUSTER_NODE__COOKIE="kept kept secret"`}, "start", "-c", n.dir+".conf")
	r.refused(t, 1, "MUSTER_NODE__COOKIE", "without spaces")
	if strings.Contains(r.errs, "secret") {
		t.Errorf("the refusal quotes the cookie: %q", r.errs)
	}
}

// files adds the text of every file below dir.
func files(t *testing.T, dir string, texts map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
