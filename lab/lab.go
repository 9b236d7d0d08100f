//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"
)

// Lab is some hosts and the switch between them. Its methods may be called
// concurrently.
type Lab struct {
	Hosts  []*Host // in the order of their addresses; not to be changed
	fabric *fabric
	cables []string
}

// Host is a machine: an eth0 with an IPv4 address, a loopback interface, and
// the programs that were started in it.
type Host struct {
	index     int
	namespace *os.File
}

// labs numbers the labs of this process, so that their devices differ.
var labs atomic.Int64

// New makes a lab of 1 to 250 hosts, at 10.77.0.1 and so on. When t ends, the
// programs that still run in them are killed and everything is gone. Where
// the kernel forbids labs, t is skipped, with the reason.
func New(t testing.TB, n int) *Lab {
	t.Helper()
	switch {
	case state.forbidden != nil:
		t.Skipf("skip: the kernel forbids a lab: %v", state.forbidden)
	case !state.ready:
		t.Fatal("lab.New needs a TestMain that calls lab.Main")
	case n < 1 || n > maxHosts:
		t.Fatalf("a lab has 1 to %d hosts, not %d", maxHosts, n)
	}
	l := &Lab{fabric: newFabric(n)}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Errorf("take the lab down: %v", err)
		}
	})
	if err := l.build(n); err != nil {
		t.Fatalf("build a lab of %d hosts: %v", n, err)
	}
	return l
}

func (l *Lab) build(n int) error {
	number := labs.Add(1)
	for i := range n {
		ns, err := newNamespace()
		if err != nil {
			return err
		}
		l.Hosts = append(l.Hosts, &Host{index: i, namespace: ns})
	}
	for i, h := range l.Hosts {
		name := fmt.Sprintf("lab%d-%d", number, i+1)
		l.cables = append(l.cables, name)
		if err := cable(name, h); err != nil {
			return err
		}
		if err := l.fabric.attach(i, name); err != nil {
			return fmt.Errorf("port %s: %w", name, err)
		}
		if err := within(h.namespace, func() error { return furnish(h, l.Hosts) }); err != nil {
			return fmt.Errorf("host %s: %w", h.Addr(), err)
		}
	}
	l.fabric.start()
	return nil
}

// close takes everything down, as far as it was built.
func (l *Lab) close() error {
	var errs []error
	for _, h := range l.Hosts {
		errs = append(errs, h.killAll())
	}
	l.fabric.stop()
	for _, name := range l.cables {
		if link, err := netlink.LinkByName(name); err == nil {
			errs = append(errs, netlink.LinkDel(link))
		}
	}
	for _, h := range l.Hosts {
		errs = append(errs, h.namespace.Close())
	}
	return errors.Join(errs...)
}

// killAll ends the programs in a host.
func (h *Host) killAll() error {
	var ns string
	err := within(h.namespace, func() (err error) {
		ns, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return err
	}
	return sweep("net", ns)
}

// Addr is the host's IPv4 address in text form.
func (h *Host) Addr() string { return ipOf(h.index).String() }

// Command returns a command that will run in the host, for the caller to
// start and to wait for. Everything but Path and Args may be changed. The
// file is looked up as exec.Command does.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	target := exec.Command(name, args...)
	file, err := filepath.Abs(target.Path)
	cmd := exec.Command("/proc/self/exe")
	cmd.Err = errors.Join(target.Err, err)
	cmd.Args = slices.Concat([]string{enterArg, h.path(), file}, target.Args)
	return cmd
}

// path names the host's namespace for another process of ours.
func (h *Host) path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.namespace.Fd())
}

// Cut makes everything between two hosts vanish, both ways.
func (l *Lab) Cut(a, b *Host) {
	l.CutOneWay(a, b)
	l.CutOneWay(b, a)
}

// CutOneWay makes everything that one host sends to the other vanish.
func (l *Lab) CutOneWay(from, to *Host) { l.fabric.cuts[from.index][to.index].Store(true) }

// CutGroups cuts every two hosts that are in different groups. Hosts in no
// group keep the paths that they have.
func (l *Lab) CutGroups(groups ...[]*Host) {
	for i, group := range groups {
		for _, other := range slices.Concat(groups[i+1:]...) {
			for _, h := range group {
				l.Cut(h, other)
			}
		}
	}
}

// Heal undoes every cut between two hosts, whichever the way.
func (l *Lab) Heal(a, b *Host) {
	l.fabric.cuts[a.index][b.index].Store(false)
	l.fabric.cuts[b.index][a.index].Store(false)
}

// HealAll undoes every cut.
func (l *Lab) HealAll() {
	for _, a := range l.Hosts {
		for _, b := range l.Hosts {
			l.Heal(a, b)
		}
	}
}

// Stats returns the counters as they are now.
func (l *Lab) Stats() Stats {
	s := &l.fabric.stats
	return Stats{Carried: s.carried.Load(), Cut: s.cut.Load(), Stray: s.stray.Load(), Lost: s.lost.Load()}
}
