//go:build linux

package lab

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// frameTo is an Ethernet frame from one host of a lab to an address.
func frameTo(to net.HardwareAddr, from int) []byte {
	frame := append(append([]byte{}, to...), macOf(from)...)
	return append(frame, 0x08, 0x00, 'x')
}

// sockets gives a fabric ports that need no device; the other ends are
// returned.
func sockets(t *testing.T, f *fabric) (ends []*os.File) {
	t.Helper()
	for i := range f.ports {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.ports[i] = os.NewFile(uintptr(fds[0]), "port")
		ends = append(ends, os.NewFile(uintptr(fds[1]), "end"))
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	t.Cleanup(f.stop)
	return ends
}

// TestForward checks who hears what, by the switch's own rules.
func TestForward(t *testing.T) {
	everyone := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for name, c := range map[string]struct {
		frame []byte
		cut   [][2]int
		heard []int
		stats Stats
	}{
		"to one":           {frame: frameTo(macOf(2), 0), heard: []int{2}, stats: Stats{Carried: 1}},
		"to all":           {frame: frameTo(everyone, 0), heard: []int{1, 2}, stats: Stats{Carried: 2}},
		"to a group":       {frame: frameTo(net.HardwareAddr{1, 0, 94, 0, 0, 1}, 0), heard: []int{1, 2}, stats: Stats{Carried: 2}},
		"to one, cut":      {frame: frameTo(macOf(2), 0), cut: [][2]int{{0, 2}}, stats: Stats{Cut: 1}},
		"to one, cut back": {frame: frameTo(macOf(2), 0), cut: [][2]int{{2, 0}}, heard: []int{2}, stats: Stats{Carried: 1}},
		"to all, one cut":  {frame: frameTo(everyone, 0), cut: [][2]int{{0, 1}}, heard: []int{2}, stats: Stats{Carried: 1, Cut: 1}},
		"to nobody here":   {frame: frameTo(macOf(7), 0), stats: Stats{Stray: 1}},
		"to a stranger":    {frame: frameTo(net.HardwareAddr{2, 0, 0, 0, 0, 1}, 0), stats: Stats{Stray: 1}},
		"too short":        {frame: frameTo(macOf(1), 0)[:13], stats: Stats{Stray: 1}},
		"empty":            {stats: Stats{Stray: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Lab{fabric: newFabric(3)}
			ends := sockets(t, l.fabric)
			for _, cut := range c.cut {
				l.fabric.cuts[cut[0]][cut[1]].Store(true)
			}
			l.fabric.forward(0, c.frame)
			if diff := cmp.Diff(c.heard, hearing(t, ends, len(c.frame))); diff != "" {
				t.Errorf("heard by (- want, + got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stats, l.Stats()); diff != "" {
				t.Errorf("stats (- want, + got):\n%s", diff)
			}
		})
	}
}

// hearing returns the ends at which one frame of that length waits. What was
// forwarded is there already: nothing is waited for.
func hearing(t *testing.T, ends []*os.File, length int) (which []int) {
	t.Helper()
	for i, e := range ends {
		raw, err := e.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var n int
		var empty error
		if err := raw.Read(func(fd uintptr) bool {
			n, empty = unix.Read(int(fd), make([]byte, 100))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if empty == nil && n == length {
			which = append(which, i)
		}
	}
	return which
}

// TestPumpEnds: the fabric's goroutines end with their ports.
func TestPumpEnds(t *testing.T) {
	f := newFabric(2)
	ends := sockets(t, f)
	f.start()
	if _, err := ends[0].Write(frameTo(macOf(1), 0)); err != nil {
		t.Fatal(err)
	}
	_ = ends[1].SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := ends[1].Read(make([]byte, 100)); n != 15 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	f.stop()
}

func TestHostOf(t *testing.T) {
	for i := range maxHosts {
		if got, known := hostOf(macOf(i), maxHosts); got != i || !known {
			t.Errorf("host %d has the address of %d, %v", i, got, known)
		}
		if !ipOf(i).IsPrivate() || ipOf(i)[15] != byte(i+1) {
			t.Errorf("host %d has the address %v", i, ipOf(i))
		}
	}
	for _, mac := range []net.HardwareAddr{{2, 'm', 'u', 's', 't', 0}, {2, 'm', 'u', 's', 't', 255}, make([]byte, 6)} {
		if got, known := hostOf(mac, maxHosts); known {
			t.Errorf("%v is host %d", mac, got)
		}
	}
}
