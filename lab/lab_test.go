//go:build linux

package lab

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// pair starts the echo in the lab's first host and a caller in its second.
func pair(t *testing.T, l *Lab) (server, caller *program) {
	t.Helper()
	server = start(t, l.Hosts[0], "prog-serve")
	server.want("ready")
	caller = start(t, l.Hosts[1], "prog-call", l.Hosts[0].Addr())
	caller.want("ready")
	return server, caller
}

// TestEcho checks that frames pass with right checksums, and how fast.
func TestEcho(t *testing.T) {
	l := New(t, 2)
	server, caller := pair(t, l)
	best := time.Hour
	for i := range 20 {
		caller.say("1m hello-%d", i)
		server.want(fmt.Sprintf("heard hello-%d", i))
		took, err := time.ParseDuration(caller.want("echo"))
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, took)
	}
	t.Logf("round trip: %v at best", best)
	if best > 100*time.Millisecond {
		t.Errorf("the best of 20 round trips took %v", best)
	}
	long := strings.Repeat("x", 50_000)
	caller.say("1m %s", long)
	server.want("heard " + long)
	caller.want("echo")
	if s := l.Stats(); s.Carried == 0 || s.Cut != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestCut checks silence, and that the same connection lives on afterwards.
func TestCut(t *testing.T) {
	l := New(t, 2)
	server, caller := pair(t, l)
	l.Cut(l.Hosts[0], l.Hosts[1])
	caller.say("300ms lost")
	caller.want("silence")
	awaitCut(t, l)
	l.Heal(l.Hosts[0], l.Hosts[1])
	caller.say("1m found")
	server.want("heard lost")
	server.want("heard found")
	caller.want("echo")
}

// awaitCut waits until the switch, which has its own pace, has counted a frame
// as cut.
func awaitCut(t *testing.T, l *Lab) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); l.Stats().Cut == 0; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("no frame was counted as cut")
		}
	}
}

// TestCutOneWay: one direction hears, and cannot answer.
func TestCutOneWay(t *testing.T) {
	l := New(t, 2)
	server, caller := pair(t, l)
	l.CutOneWay(l.Hosts[0], l.Hosts[1])
	caller.say("300ms question")
	server.want("heard question")
	caller.want("silence")
	l.HealAll()
	caller.say("1m again")
	server.want("heard again")
	caller.want("echo")
}

// TestDialInCut: a cut is silence, not a refusal and no missing route.
func TestDialInCut(t *testing.T) {
	l := New(t, 2)
	l.Cut(l.Hosts[0], l.Hosts[1])
	caller := start(t, l.Hosts[1], "prog-call", l.Hosts[0].Addr(), "3s")
	if said := caller.want("error:"); !strings.Contains(said, "i/o timeout") {
		t.Errorf("dialling a host that is cut off: %s", said)
	}
	l.HealAll()
	caller = start(t, l.Hosts[1], "prog-call", l.Hosts[0].Addr())
	if said := caller.want("error:"); !strings.Contains(said, "refused") {
		t.Errorf("dialling a host where nobody listens: %s", said)
	}
}

// TestCutGroups checks every pair of four hosts.
func TestCutGroups(t *testing.T) {
	l := New(t, 4)
	h := l.Hosts
	l.CutGroups(h[:1], h[1:3])
	for i, from := range h {
		for j, to := range h {
			want := i != 3 && j != 3 && (i == 0) != (j == 0)
			if got := l.fabric.cuts[from.index][to.index].Load(); got != want {
				t.Errorf("from %d to %d: cut is %v; want %v", i, j, got, want)
			}
		}
	}
	l.HealAll()
	server, caller := pair(t, l)
	caller.say("1m healed")
	server.want("heard healed")
	caller.want("echo")
}

// TestMulticast: a group is heard by all whom the sender reaches.
func TestMulticast(t *testing.T) {
	l := New(t, 3)
	var members []*program
	for _, h := range l.Hosts {
		members = append(members, start(t, h, "prog-group"))
		members[len(members)-1].want("ready")
	}
	say := func(text string) {
		t.Helper()
		if out, err := l.Hosts[0].Command("/proc/self/exe", "prog-group", text).CombinedOutput(); err != nil {
			t.Fatalf("send to the group: %v, %s", err, out)
		}
	}
	hears := func(p *program, text string) {
		t.Helper()
		p.want("heard " + text)
	}
	say("one")
	hears(members[1], "one")
	hears(members[2], "one")
	l.Cut(l.Hosts[0], l.Hosts[1])
	say("two")
	hears(members[2], "two") // the switch has turned to host 1 before
	l.HealAll()
	say("three")
	hears(members[1], "three")
	hears(members[2], "three")
}

// TestHostsAreSeparate looks at what a program sees, and at two labs at once.
func TestHostsAreSeparate(t *testing.T) {
	first, second := New(t, 1), New(t, 2)
	for _, h := range []*Host{first.Hosts[0], second.Hosts[0], second.Hosts[1]} {
		out, err := h.Command("/proc/self/exe", "prog-interface").CombinedOutput()
		want := fmt.Sprintf("lo 127.0.0.1/8\neth0 %s/24\n", h.Addr())
		if err != nil || string(out) != want {
			t.Errorf("host %s sees %q, %v; want %q", h.Addr(), out, err, want)
		}
	}
}

// TestNothingLeft starts a program, with a child of its own, that nobody
// stops, and looks for what remains of it and of the lab.
func TestNothingLeft(t *testing.T) {
	before := devices(t)
	var ns string
	t.Run("lab", func(t *testing.T) {
		l := New(t, 3)
		cmd := l.Hosts[1].Command("/bin/sh", "-c", "sleep 1000 & echo started; sleep 1000")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { go func() { _ = cmd.Wait() }() }()
		if n, err := out.Read(make([]byte, 100)); err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		ns = namespaceOf(fmt.Sprint(cmd.Process.Pid), "net")
	})
	if ns == "" || ns == namespaceOf(ownThread, "net") {
		t.Errorf("the program ran in namespace %q", ns)
	}
	if found, err := sweepOnce("net", ns); found || err != nil {
		t.Errorf("programs are left: %v, %v", found, err)
	}
	if after := devices(t); after != before {
		t.Errorf("devices before: %s; after: %s", before, after)
	}
}

func devices(t *testing.T) string {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return strings.Join(names, " ")
}

// TestUnixSocketCrosses: a test reaches a program in a host by a path.
func TestUnixSocketCrosses(t *testing.T) {
	h := New(t, 1).Hosts[0]
	path := filepath.Join(t.TempDir(), "socket")
	start(t, h, "prog-socket", path).want("ready")
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got, err := io.ReadAll(conn); err != nil || !strings.Contains(string(got), h.Addr()) {
		t.Errorf("the program in the host answers %q, %v; want its address %s", got, err, h.Addr())
	}
}

// TestCommandErrors: what cannot run says so when it is started.
func TestCommandErrors(t *testing.T) {
	h := New(t, 1).Hosts[0]
	if err := h.Command("no-such-program").Run(); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("an unknown program: %v", err)
	}
	out, err := h.Command("/no/such/file").CombinedOutput()
	if err == nil || !strings.Contains(string(out)+err.Error(), "/no/such/file") {
		t.Errorf("a missing file: %v, %s", err, out)
	}
	out, err = h.Command("sh", "-c", "echo $0 $1; exit 7", "zero", "one").CombinedOutput()
	if err == nil || err.Error() != "exit status 7" || string(out) != "zero one\n" {
		t.Errorf("a program's own status and arguments: %v, %q", err, out)
	}
}
