package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// Two nodes that name each other and have different cookies: neither lets the
// other in, both say so once, name the address, and serve on.
func TestWrongCookie(t *testing.T) {
	nodes := newNodes(t, 2, "cluster.form_after = 500ms")
	nodes[1].conf += "\nnode.cookie = another-cookie-of-the-end-to-end-tests"
	for _, n := range nodes {
		n.start()
	}
	for i, n := range nodes {
		n.waitReady()
		dialled := func() []string {
			return n.logged("level=WARN", "another cookie", "node.cookie", "127.0.0.1:"+fmt.Sprint(nodes[1-i].port))
		}
		// The other one may dial for a while before this one's plugin is there.
		until(t, patience, "several refusals, and one of its own dials", func() bool {
			return n.count("hellos_refused_total") >= 4 && len(dialled()) > 0
		})
		if lines := dialled(); len(lines) != 1 {
			t.Errorf("%s, which dials, has logged %d lines:\n%s", n.name, len(lines), n.output())
		}
		if accepted := n.logged("level=WARN", "hello refused", "cookie differs", "remote=127.0.0.1:"); len(accepted) != 1 {
			t.Errorf("%s, which is dialled, has logged %d lines:\n%s", n.name, len(accepted), n.output())
		}
		one(t, []*node{n}, nil)
		c := n.connect("served").sub("x")
		c.pub("x", "1", 1)
		c.next("x=1")
	}
	for _, words := range [][]string{{"cluster", "join"}, {"join"}} {
		_, errs, status := nodes[1].try(append(words, "127.0.0.1:"+fmt.Sprint(nodes[0].port))...)
		result{errs: errs, status: status}.refused(t, 1, "127.0.0.1:"+fmt.Sprint(nodes[0].port), "another cookie", "give both nodes the same node.cookie")
	}
	one(t, nodes[:1], nil)
	one(t, nodes[1:], nil)
}

// An address behind which there is no node: the answer says what is there.
func TestJoinToSomethingElse(t *testing.T) {
	n := newNodes(t, 1, "cluster.discovery_strategy = manual")[0]
	n.start()
	n.waitReady()
	greets := answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n")
	for _, c := range []struct {
		to    string
		words []string
	}{
		{fmt.Sprint("127.0.0.1:", kit.Ports(t, 1)[0]), []string{"refused the connection", "is the node running"}},
		{greets, []string{greets, "not as a node of muster", "cluster port"}},
		{answering(t, ""), []string{"not as a node of muster", "cluster port"}},
		{fmt.Sprint("127.0.0.1:", taken(t)), []string{"did not answer in time"}},
		{fmt.Sprint("127.0.0.1:", n.mqtt), []string{"not as a node of muster"}},
		{fmt.Sprint("127.0.0.1:", n.port), []string{"already joined", "this node"}},
		{"nowhere.invalid", []string{"the name nowhere.invalid does not resolve"}},
		{"a@127.0.0.1:99999", []string{"99999"}},
	} {
		_, errs, status := n.try("cluster", "join", c.to)
		result{errs: errs, status: status}.refused(t, 1, c.words...)
		if strings.Count(errs, "nowhere.invalid does") > 1 {
			t.Errorf("said twice: %q", errs)
		}
	}
	one(t, []*node{n}, nil)
}

// answering returns the address of a listener that says a text to everybody
// and hangs up.
func answering(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

// A node that is named without a port is tried at two; the other one, where
// nobody listens, does not hide that the cookie differs.
func TestWrongCookieWithoutAPort(t *testing.T) {
	nodes := newNodes(t, 2, "cluster { discovery_strategy = manual, form_after = 500ms }")
	nodes[0].name = fmt.Sprintf("n%d@127.0.0.1", nodes[0].port-4370)
	nodes[0].conf += "\nnode.name = \"" + nodes[0].name + "\""
	nodes[1].conf += "\nnode.cookie = another-cookie-of-the-end-to-end-tests\ncluster.join = [\"" + nodes[0].name + "\"]"
	for _, n := range nodes {
		n.start()
		n.waitReady()
	}
	until(t, patience, "several refusals", func() bool { return nodes[0].count("hellos_refused_total") >= 4 })
	if lines := nodes[1].logged("level=WARN", "another cookie", "node.cookie", fmt.Sprint("127.0.0.1:", nodes[0].port)); len(lines) != 1 {
		t.Errorf("%d lines:\n%s", len(lines), nodes[1].output())
	}
}

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
		shown := command(t, nil, "config", "show", "-c", n.dir+".conf")
		texts[n.name+" config show"] = shown.out + shown.errs
		shown = command(t, nil, "config", "show", "--json", "-c", n.dir+".conf")
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
	r := command(t, []string{`MUSTER_NODE__COOKIE="kept kept secret"`}, "start", "-c", n.dir+".conf")
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
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was replaced meanwhile
		}
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
