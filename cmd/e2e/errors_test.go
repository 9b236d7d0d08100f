package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// taken returns a port of loopback on which the test listens.
func taken(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// What keeps a node from starting: status 1, one line that says what to do,
// nothing left running, and the data directory free again.
func TestRefusedStarts(t *testing.T) {
	busy := taken(t)
	n := newNodes(t, 1, "")[0]
	file := n.write()
	wrong := filepath.Join(t.TempDir(), "wrong.conf")
	writeFile(t, wrong, "node {\n  nam = \"a@127.0.0.1\"\n}\n")
	broken := filepath.Join(t.TempDir(), "broken.conf")
	writeFile(t, broken, "node { name = [ }\n")
	open := filepath.Join(t.TempDir(), "open.cookie")
	writeFile(t, open, "two words")
	for what, c := range map[string]struct {
		args  []string
		words []string
	}{
		"busy cluster port":  {[]string{"--set", fmt.Sprint("node.port=", busy)}, []string{fmt.Sprintf("port %d is in use", busy), "node.port"}},
		"busy MQTT port":     {[]string{"--set", fmt.Sprint("listeners.tcp.default.bind=127.0.0.1:", busy)}, []string{fmt.Sprintf("port %d is in use", busy), "listeners.tcp.default.bind"}},
		"foreign address":    {[]string{"--bind", "192.0.2.1"}, []string{"node.bind = 192.0.2.1", "an address of this machine"}},
		"foreign MQTT":       {[]string{"--set", "listeners.tcp.default.bind=192.0.2.1:1", "--set", "listeners.tcp.default.allow_anonymous=on"}, []string{"listeners.tcp.default.bind = 192.0.2.1:1", "an address of this machine"}},
		"unknown key":        {[]string{"-c", wrong}, []string{wrong + ":2:3", "unknown key node.nam", "did you mean node.name"}},
		"unknown key, flag":  {[]string{"--set", "node.nam=a@127.0.0.1"}, []string{"--set", "unknown key node.nam", "did you mean node.name"}},
		"syntax":             {[]string{"-c", broken}, []string{broken + ":1:"}},
		"no file":            {[]string{"-c", "/nowhere/muster.conf"}, []string{"/nowhere/muster.conf", "cannot read"}},
		"no directory":       {[]string{"--config-dir", "/nowhere"}, []string{"/nowhere", "cannot read"}},
		"bad name":           {[]string{"--node", "a b"}, []string{"--node", "name@host"}},
		"bad number":         {[]string{"--bootstrap-expect", "-1"}, []string{"--bootstrap-expect", "whole number"}},
		"feature of later":   {[]string{"--set", "cluster.autoheal=off"}, []string{"cluster.autoheal", "not built"}},
		"no cookie file":     {[]string{"--set", "node.cookie=\"file:///nowhere/cookie\""}, []string{"/nowhere/cookie", "no such file"}},
		"cookie of 2 words":  {[]string{"--set", "node.cookie=\"file://" + open + "\""}, []string{open, "without spaces"}},
		"unwritable data":    {[]string{"--data-dir", "/proc/muster"}, []string{"/proc/muster", "node.data_dir"}},
		"data dir is a file": {[]string{"--data-dir", wrong}, []string{wrong, "node.data_dir"}},
	} {
		t.Run(what, func(t *testing.T) {
			r := command(t, nil, append([]string{"start", "-c", file}, c.args...)...)
			r.refused(t, 1, c.words...)
			if r.took > 2*time.Second {
				t.Errorf("it took %s", r.took)
			}
		})
	}
	n.start() // the directory is free, and what was refused has left no trace in it
	n.waitReady()
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A data directory that is another node's, by name or because it runs.
func TestDataDirOfAnother(t *testing.T) {
	n := newNodes(t, 1, "")[0]
	n.start()
	n.waitReady()
	pid, file := n.cmd.Process.Pid, n.dir+".conf"
	for _, extra := range [][]string{nil, {"--node", "other@127.0.0.1"}, {"--detach"}} {
		r := command(t, nil, append([]string{"start", "-c", file}, extra...)...)
		r.refused(t, 1, "another node runs on this data directory", n.dir, "stop it first", "another")
	}
	c := n.connect("still served").sub("x")
	c.pub("x", "1", 1)
	c.next("x=1")
	if !runs(pid) {
		t.Error("the first node is gone")
	}
	n.stop()
	r := command(t, nil, "start", "-c", file, "--node", "other@127.0.0.1")
	r.refused(t, 1, n.dir, "belongs to "+n.name+", not to other@127.0.0.1", "node.data_dir")
}

// A node.json that is not what a node wrote.
func TestCorruptNodeJSON(t *testing.T) {
	n := newNodes(t, 1, "")[0]
	n.start()
	n.waitReady()
	n.stop()
	name := filepath.Join(n.dir, "node.json")
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]string{
		"empty": "", "cut": string(good[:len(good)/2]), "zeros": strings.Repeat("\x00", len(good)), "words": "hello", "list": "[]",
		"null": "null", "no uid": "{}", "uid": `{"uid":7}`, "more": string(good) + "}",
		"name": strings.Replace(string(good), n.name, "", 1), "negative": strings.Replace(string(good), `"incarnation": 1`, `"incarnation": -1`, 1),
	} {
		t.Run(what, func(t *testing.T) {
			writeFile(t, name, bad)
			command(t, nil, "start", "-c", n.dir+".conf").refused(t, 1, name, "restore it")
			if now, _ := os.ReadFile(name); string(now) != bad {
				t.Error("the file was changed")
			}
		})
	}
	writeFile(t, name, string(good))
	n.start()
	n.waitReady()
}

// Exit statuses 0, 1 and 2, and the words that go with 2.
func TestExitStatuses(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"version"}, {"start", "--help"}, {"help", "cluster", "join"}, {"config", "show"}, {"completion", "bash"}} {
		if r := command(t, nil, args...); r.status != 0 || r.out == "" || r.errs != "" {
			t.Errorf("%v: status %d, %d bytes on stdout, stderr %q", args, r.status, len(r.out), r.errs)
		}
	}
	for _, c := range []struct{ args, word string }{
		{"strat", "unknown command"}, {"start --nod x", "--help"}, {"start more", "usage"}, {"cluster join", "usage"},
		{"cluster force-leave x", "name@host"}, {"routes a/#", "topic"}, {"start -atlas-token x", "--join"}, {"routes --limit 0", "at least 1"},
		{"start --join=", "name@host"}, {"help start more", "no command"}, {"cluster jion x", "join"},
	} {
		command(t, nil, strings.Fields(c.args)...).refused(t, 2, c.word)
	}
}

// Commands against a node that does not run say what to do.
func TestCommandsWithoutANode(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []string{
		"stop", "cluster status", "cluster join a@b", "cluster leave", "cluster force-leave a@b", "join a@b", "members", "routes", "routes t", "plugins",
	} {
		r := command(t, nil, append(strings.Fields(c), "--data-dir", dir)...)
		r.refused(t, 1, "no node answers at "+dir, "is it running?", "`muster start`", "--data-dir")
	}
}

// A listener off loopback stays closed without a written waiver; the ready
// line names it and the key that opens it.
func TestListenerOffLoopback(t *testing.T) {
	n := newNodes(t, 1, "")[0]
	key := "listeners.tcp.default.allow_anonymous = true"
	n.start("--set", fmt.Sprint("listeners.tcp.default.bind=0.0.0.0:", n.mqtt))
	line := n.waitReady()
	if !strings.Contains(line, "closed: ") || !strings.Contains(line, fmt.Sprint("0.0.0.0:", n.mqtt)) || !strings.Contains(line, key) {
		t.Errorf("the ready line is %q", line)
	}
	if len(n.logged("listener stays closed", key)) != 1 {
		t.Errorf("the log does not say so:\n%s", n.output())
	}
	if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", n.mqtt)); err == nil {
		_ = c.Close()
		t.Error("the port is open")
	}
	n.stop()
	n.start("--set", fmt.Sprint("listeners.tcp.default.bind=0.0.0.0:", n.mqtt), "--set", "listeners.tcp.default.allow_anonymous=true")
	if line := n.waitReady(); strings.Contains(line, "closed") {
		t.Errorf("the ready line is %q", line)
	}
	n.connect("anybody")
}
