package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
)

const status = "Cluster status: [{running_nodes,['a@h1','b@h2']},{stopped_nodes,['c@h3']}]\n"

const statusJSON = `{
  "node": "a@h1",
  "cluster": "mustercl",
  "formed": true,
  "uid": "00000000-0000-4000-8000-000000000009",
  "claimed": false,
  "founded": "2026-11-01T12:00:00Z",
  "running_nodes": [
    "a@h1",
    "b@h2"
  ],
  "stopped_nodes": [
    "c@h3"
  ]
}
`

const membersText = `Node  Address        Status   Type    Build  Protocol  DC
a@h1  10.0.0.1:4370  alive    server  0.1.0  1         dc1
b@h2  10.0.0.2:4370  suspect  server  0.1.0  1         dc1
c@h3  10.0.0.3:4370  failed   server  0.1.0  1         dc1
`

const membersDetailed = `Node  Address        Status   Type    Build  Protocol  DC   UID                                   Incarnation  Joined                Since
a@h1  10.0.0.1:4370  alive    server  0.1.0  1         dc1  00000000-0000-4000-8000-000000000001  1            2026-11-01T12:00:00Z  -
b@h2  10.0.0.2:4370  suspect  server  0.1.0  1         dc1  00000000-0000-4000-8000-000000000002  2            2026-11-01T12:00:00Z  -
c@h3  10.0.0.3:4370  failed   server  0.1.0  1         dc1  00000000-0000-4000-8000-000000000003  3            2026-11-01T12:00:00Z  2026-11-01T13:00:00Z
`

const routesText = `Filter       Node
sensors/#    b@h2
sensors/+/t  a@h1
`

const pluginsText = `Strategy  PID  Version  State        Restarts  Last error
dns       77   0.1.0    running      0         -
mcast     -    -        backing off  3         exit status 1
`

// TestCommands compares what each command prints, and asks of the node.
func TestCommands(t *testing.T) {
	tests := []struct {
		args   string
		stdout string
		asks   string
	}{
		{"cluster join b@h2", "Join the cluster successfully.\n" + status, "join b@h2"},
		{"cluster join b@h2:4371 --json", statusJSON, "join b@h2:4371"},
		{"cluster leave", "Leave the cluster successfully.\n", "leave"},
		{"cluster leave -json", statusJSON, "leave"},
		{"cluster force-leave c@h3", "Remove the node from cluster successfully.\n", "force-leave c@h3"},
		{"cluster remove c@h3", "Remove the node from cluster successfully.\n", "force-leave c@h3"},
		{"cluster status", status, ""},
		{"cluster status --json", statusJSON, ""},
		{"cluster status --ready", status, ""},
		{"join h2 [fe80::1]:4370", "Successfully joined cluster by contacting 2 nodes.\n", "merge h2 [fe80::1]:4370"},
		{"join h2", "Successfully joined cluster by contacting 1 nodes.\n", "merge h2"},
		{"join h2 --json", "{\n  \"contacted\": 1\n}\n", "merge h2"},
		{"members", membersText, ""},
		{"members --detailed", membersDetailed, ""},
		{"members -detailed", membersDetailed, ""},
		{"routes", routesText, ""},
		{"routes --limit 1", "Filter     Node\nsensors/#  b@h2\nand 1 more: see --limit\n", ""},
		{"routes sensors/1/t", routesText, ""},
		{"routes sensors/1", "Filter     Node\nsensors/#  b@h2\n", ""},
		{"routes other", "Nobody subscribes to other.\n", ""},
		{"routes other --json", "{\n  \"routes\": [],\n  \"total\": 0\n}\n", ""},
		{"plugins", pluginsText, ""},
		{"stop", "Stop the node successfully.\n", "stop"},
	}
	for _, c := range tests {
		t.Run(c.args, func(t *testing.T) {
			f := newFake()
			dir := serve(t, f, admin.Plugin{Strategy: "mcast", State: "backing off", Restarts: 3, LastError: "exit status 1"},
				admin.Plugin{Strategy: "dns", PID: 77, Version: "0.1.0", State: "running"})
			got := run(t, dir, append(strings.Fields(c.args), "--data-dir", dir)...)
			check(t, c.args, result{0, c.stdout, ""}, got)
			if asks := f.told(); asks != c.asks {
				t.Errorf("the node was asked to %q, want %q", asks, c.asks)
			}
		})
	}
}

func TestNoPlugins(t *testing.T) {
	got := run(t, serve(t, newFake()), "plugins", "--data-dir", "DIR")
	check(t, "plugins", result{0, "There are no plugins: the discovery strategy is manual.\n", ""}, got)
}

func TestNotReady(t *testing.T) {
	dir := serveWith(t, newFake(), func(o *admin.Options) {
		o.Unready = func() string { return "the routes of b@h2 are still on their way" }
	})
	got := run(t, dir, "cluster", "status", "--ready", "--data-dir", dir)
	check(t, "cluster status --ready", result{1, "", "the routes of b@h2 are still on their way\n"}, got)
}

func TestRefused(t *testing.T) {
	f := newFake()
	f.refuse = errors.New("b@h2 has another cookie:\ngive both nodes the same node.cookie")
	dir := serve(t, f)
	for _, args := range []string{"cluster join b@h2", "cluster leave", "cluster force-leave b@h2", "join b@h2", "join b@h2 --json"} {
		got := run(t, dir, append(strings.Fields(args), "--data-dir", dir)...)
		check(t, args, result{1, "", "b@h2 has another cookie:; give both nodes the same node.cookie\n"}, got)
	}
}

// TestFinding checks which of several hints leads to the node.
func TestFinding(t *testing.T) {
	dir := serve(t, newFake())
	ok := result{0, status, ""}
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    result
	}{
		{"--admin path", []string{"--admin", socket("DIR")}, nil, ok},
		{"--admin unix:", []string{"--admin=unix:" + socket("DIR")}, nil, ok},
		{"--data-dir", []string{"-data-dir=DIR"}, nil, ok},
		{"configuration", []string{"-c", "DIR"}, nil, ok},
		{"configuration, one word", []string{"-cDIR"}, nil, ok},
		{"MUSTER_ADMIN", nil, []string{"MUSTER_ADMIN=/nowhere", "MUSTER_ADMIN=" + socket("DIR")}, ok},
		{"MUSTER_ADMIN before the configuration", []string{"-c", "/nowhere"}, []string{"MUSTER_ADMIN=" + socket("DIR")}, ok},
		{"a flag before MUSTER_ADMIN", []string{"--data-dir", "DIR"}, []string{"MUSTER_ADMIN=/nowhere"}, ok},
		{"nobody there", []string{"--data-dir", "/nowhere"}, nil,
			result{1, "", "no node answers at /nowhere/muster.sock: no such file or directory" + noNodeHint + "\n"}},
		{"a bad configuration", []string{"-c", "bad.conf"}, nil,
			result{1, "", "bad.conf:1:1: unknown key nod.name: did you mean node.name?\n"}},
		{"a bad address", []string{"--admin", "ftp://h"}, nil,
			result{2, "", "admin address \"ftp://h\": give a unix path or an http URL\n"}},
		{"an empty address", []string{"--admin="}, nil, result{2, "", "the admin address is empty\n"}},
	}
	for _, c := range tests {
		args := append([]string{"cluster", "status"}, c.args...)
		check(t, c.name, c.want, call(t, Invocation{Args: fill(dir, args), Environ: fill(dir, c.environ)}))
	}
}

func TestUsage(t *testing.T) {
	commands := "cluster, completion, config, discovery, epmd, help, join, members, plugins, routes, start, agent, stop, users, version"
	tests := map[string]string{
		"clients":                    "muster: unknown command \"clients\"; there are: " + commands,
		"help clients":               "muster: unknown command \"clients\"; there are: " + commands,
		"cluster heal":               "muster cluster: unknown command \"heal\"; there are: force-leave, remove, join, leave, status",
		"help cluster heal":          "muster cluster: unknown command \"heal\"; there are: force-leave, remove, join, leave, status",
		"members --foo":              "unknown flag: --foo: see `muster members --help`",
		"members -foo":               "unknown flag: --foo: see `muster members --help`",
		"members x":                  "muster members: wrong number of arguments, 1; usage: muster members [flags]",
		"cluster join":               "muster cluster join: wrong number of arguments, 0; usage: muster cluster join NODE [flags]",
		"cluster force-leave n2":     "\"n2\": not a node name of the form name@host",
		"routes a/#":                 "topic \"a/#\": wildcard where none is allowed",
		"routes --limit 0":           "--limit 0: give at least 1",
		"completion tcsh":            "unknown shell \"tcsh\"; there are: bash, zsh, fish, powershell",
		"config check":               "muster config check: name a file, or a directory with --config-dir",
		"start --bootstrap-expect x": "invalid argument \"x\" for \"--bootstrap-expect\" flag: strconv.ParseInt: parsing \"x\": invalid syntax: see `muster start --help`",
		"start -atlas mine/x":        "-atlas: Atlas is gone: name a node of the cluster with --join ADDR instead",
		"agent --atlas-join":         "--atlas-join: Atlas is gone: name a node of the cluster with --join ADDR instead",
		"start now":                  "muster start: wrong number of arguments, 1; usage: muster start [flags]",
		"start --server=false":       "--server=false: set node.role instead",
	}
	for args, want := range tests {
		check(t, args, result{2, "", want + "\n"}, run(t, "", strings.Fields(args)...))
	}
}

func TestHelp(t *testing.T) {
	help := run(t, "", "help")
	for _, want := range []string{"Running a node:\n  start ", "Changing the cluster:\n  cluster ", "Looking at it:\n  discovery ", "Other:\n"} {
		if !strings.Contains(help.Stdout, want) {
			t.Errorf("no %q in\n%s", want, help.Stdout)
		}
	}
	check(t, "--help", help, run(t, "", "--help"))
	check(t, "-help", help, run(t, "", "-help"))
	check(t, "alone", result{2, "", help.Stdout}, run(t, ""))
	start := run(t, "", "help", "start")
	check(t, "start -h", start, run(t, "", "start", "-h"))
	if !strings.Contains(start.Stdout, "Also:  muster agent\n") || strings.Contains(start.Stdout, "ready-fd") {
		t.Errorf("%s", start.Stdout)
	}
	group := run(t, "", "help", "cluster")
	check(t, "cluster alone", result{2, "", group.Stdout}, run(t, "", "cluster"))
}

func TestConfig(t *testing.T) {
	tests := map[string]result{
		"config check ok.conf":             {0, "The configuration is valid.\n", ""},
		"config check ok.conf --json":      {0, "{\n  \"valid\": true,\n  \"warnings\": []\n}\n", ""},
		"config check --config-dir d":      {0, "The configuration is valid.\n", ""},
		"config check ok.conf bad.conf":    {1, "", "bad.conf:1:1: unknown key nod.name: did you mean node.name?\n"},
		"config check -c warn.conf":        {0, "The configuration is valid.\n", "warning: warn.conf:2:1: cluster.discovery is an older spelling\n"},
		"config show --set cluster.name=x": {0, "cluster.name = mustercl  # default\nnode.cookie = ******  # /etc/m.conf:3:5\n", ""},
		"config show -c bad.conf":          {1, "", "bad.conf:1:1: unknown key nod.name: did you mean node.name?\n"},
		"config show now":                  {2, "", "muster config show: wrong number of arguments, 1; usage: muster config show [flags]\n"},
	}
	for args, want := range tests {
		check(t, args, want, run(t, "", strings.Fields(args)...))
	}
	if got := run(t, "", "config", "show", "--json"); !strings.Contains(got.Stdout, `"source": "/etc/m.conf:3:5"`) {
		t.Errorf("%+v", got)
	}
}

func TestVersion(t *testing.T) {
	if got := run(t, "", "version"); got.Status != 0 || !strings.HasPrefix(got.Stdout, "muster 0.1.0 (go") {
		t.Errorf("%+v", got)
	}
	check(t, "-version", result{0, "muster 0.1.0\n", ""}, run(t, "", "-version"))
	if got := run(t, "", "version", "--json"); !strings.Contains(got.Stdout, `"version": "0.1.0"`) {
		t.Errorf("%+v", got)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range shells {
		if got := run(t, "", "completion", shell); got.Status != 0 || !strings.Contains(got.Stdout, "muster") {
			t.Errorf("%s: %+v", shell, got)
		}
	}
	got := run(t, "", "__complete", "cluster", "fo")
	if !strings.Contains(got.Stdout, "force-leave\t") {
		t.Errorf("%+v", got)
	}
}

func TestStatusLine(t *testing.T) {
	tests := []struct {
		running, stopped []core.NodeID
		want             string
	}{
		{[]core.NodeID{"a@h1", "b@h2"}, nil, "Cluster status: [{running_nodes,['a@h1','b@h2']}]"},
		{[]core.NodeID{"a@h1"}, []core.NodeID{"c@h3", "d@h4"}, "Cluster status: [{running_nodes,['a@h1']},{stopped_nodes,['c@h3','d@h4']}]"},
		{nil, nil, "Cluster status: [{running_nodes,[]}]"},
	}
	for _, c := range tests {
		if got := statusLine(admin.Cluster{Running: c.running, Stopped: c.stopped}); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestHostileText has a member whose own words would steer a terminal.
func TestHostileText(t *testing.T) {
	f := newFake()
	f.members = f.members[:1]
	f.members[0].Build, f.members[0].Datacenter = "\x1b[2Jx\ty", "a\nb"
	f.members[0].Name = "a@\x1b]0;h"
	dir := serve(t, f)
	for _, args := range []string{"members", "members --detailed", "cluster status", "cluster join b@h"} {
		got := run(t, dir, append(strings.Fields(args), "--data-dir", dir)...)
		if strings.ContainsAny(got.Stdout, "\x1b\t") || strings.Count(got.Stdout, "\n") > 2 {
			t.Errorf("%s: %q", args, got.Stdout)
		}
	}
}
