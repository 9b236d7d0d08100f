//go:build linux

package group

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const usual = net.FlagUp | net.FlagRunning | net.FlagMulticast

// TestChoose lists which interfaces are used, and what is said where none is.
func TestChoose(t *testing.T) {
	lo := net.Interface{Index: 1, Name: "lo", Flags: net.FlagUp | net.FlagRunning | net.FlagLoopback}
	eth0 := net.Interface{Index: 2, Name: "eth0", Flags: usual}
	eth1 := net.Interface{Index: 3, Name: "eth1", Flags: usual}
	down := net.Interface{Index: 4, Name: "down", Flags: net.FlagMulticast}
	loose := net.Interface{Index: 5, Name: "loose", Flags: net.FlagUp | net.FlagMulticast}
	tunnel := net.Interface{Index: 6, Name: "tunnel", Flags: net.FlagUp | net.FlagRunning}
	bare := net.Interface{Index: 7, Name: "bare", Flags: usual}
	addrs := map[int][]netip.Addr{}
	for i, texts := range map[int]string{1: "127.0.0.1 ::1", 2: "10.0.0.2 fe80::2", 3: "10.0.1.2", 4: "10.0.2.2", 5: "10.0.3.2", 6: "10.0.4.2", 7: "fd00::7"} {
		for text := range strings.FieldsSeq(texts) {
			addrs[i] = append(addrs[i], netip.MustParseAddr(text))
		}
	}
	const v4, v6 = "239.0.0.1", "ff15::1"
	const alone = "no network interface but loopback can be used: only nodes on this machine are found"
	for _, c := range []struct {
		group, iface string
		off          bool // loop
		all          []net.Interface
		want         string // names
		err, warning string
	}{
		{group: v4, iface: "0.0.0.0", all: []net.Interface{lo, eth0, eth1, down, loose, tunnel, bare}, want: "eth0 eth1"},
		{group: v6, iface: "0.0.0.0", all: []net.Interface{lo, eth0, eth1, bare}, want: "eth0 bare"},
		{group: v6, iface: "::", all: []net.Interface{lo, eth0}, want: "eth0"},
		{group: v4, iface: "", all: []net.Interface{lo, eth0}, want: "eth0"},
		{group: v4, iface: "eth1", all: []net.Interface{lo, eth0, eth1}, want: "eth1"},
		{group: v4, iface: "10.0.1.2", all: []net.Interface{lo, eth0, eth1}, want: "eth1"},
		{group: v4, iface: "fe80::2%eth0", all: []net.Interface{lo, eth0, eth1}, want: "eth0"},
		{group: v4, iface: "127.0.0.1", all: []net.Interface{lo, eth0}, want: "lo"},
		{group: v4, iface: "lo", all: []net.Interface{lo, eth0}, want: "lo"},
		{group: v4, iface: "0.0.0.0", all: []net.Interface{lo, down}, want: "lo", warning: alone},
		{group: v4, iface: "0.0.0.0", off: true, all: []net.Interface{lo, down},
			err: "no network interface can be used: lo is loopback, where loop = off leaves nobody to hear, down is down"},
		{group: v4, iface: "eth9", all: []net.Interface{lo, eth0}, err: "no network interface has the name or the address eth9"},
		{group: v4, iface: "10.9.9.9", all: []net.Interface{lo, eth0}, err: "no network interface has the name or the address 10.9.9.9"},
		{group: v4, iface: "loose", all: []net.Interface{lo, eth0, loose}, err: "the network interface cannot be used: loose has no carrier"},
		{group: v4, iface: "tunnel", all: []net.Interface{tunnel}, err: "the network interface cannot be used: tunnel cannot multicast"},
		{group: v4, iface: "bare", all: []net.Interface{bare}, err: "the network interface cannot be used: bare has no IPv4 address"},
		{group: v6, iface: "eth1", all: []net.Interface{eth1}, err: "the network interface cannot be used: eth1 has no IPv6 address"},
		{group: v4, iface: "0.0.0.0", all: nil, err: "no network interface can be used: "},
		{group: v4, iface: "0.0.0.0", off: true, all: []net.Interface{bare, bare, bare, bare, bare, bare},
			err: "no network interface can be used: bare has no IPv4 address, bare has no IPv4 address, bare has no IPv4 address, bare has no IPv4 address, and 2 more"},
	} {
		o := Options{Addr: netip.MustParseAddr(c.group), Interface: c.iface, Loop: !c.off}
		f, err := choose(o, c.all, addrs)
		var got []string
		for _, l := range f.links {
			got = append(got, l.name)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" || c.err != "" && (err == nil || err.Error() != c.err) || c.err == "" && err != nil {
			t.Errorf("%s on %q: %v\n%s", c.group, c.iface, err, diff)
		}
		if c.warning != strings.Join(f.warnings, ",") {
			t.Errorf("%s on %q: warnings %q", c.group, c.iface, f.warnings)
		}
	}
}

// More interfaces than can be used: the first ones, and a word about it.
func TestManyInterfaces(t *testing.T) {
	var all []net.Interface
	addrs := map[int][]netip.Addr{}
	for i := range 300 {
		all = append(all, net.Interface{Index: i + 1, Name: fmt.Sprint("veth", i), Flags: usual})
		addrs[i+1] = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}
	}
	f, err := choose(Options{Addr: netip.MustParseAddr("239.0.0.1")}, all, addrs)
	if err != nil || len(f.links) != maxLinks || len(f.warnings) != 1 || !strings.HasPrefix(f.warnings[0], "300 network interfaces could be used, only the first 20 are") {
		t.Errorf("%d used, %q, %v", len(f.links), f.warnings, err)
	}
}

// What is read from the kernel is what the standard library says, but for IPv6
// addresses that cannot be used yet.
func TestAddresses(t *testing.T) {
	cable(t)
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	got, err := addresses(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		said, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		want := map[netip.Addr]bool{}
		for _, a := range said {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				t.Fatal(err)
			}
			if want[p.Addr()] = true; p.Addr().Is4() && !slices.Contains(got[i.Index], p.Addr()) {
				t.Errorf("%s: %v lacks %v", i.Name, got[i.Index], a)
			}
		}
		for _, a := range got[i.Index] {
			if !want[a] {
				t.Errorf("%s: %v is not among %v", i.Name, a, said)
			}
		}
	}
}

// The flags of <linux/if_addr.h>.
func TestReady(t *testing.T) {
	for flags, want := range map[byte]bool{0: true, 0x80: true, 0x40: false, 0x48: false, 0x08: false, 0x44: true, 0x04: true, 0x20: true} {
		if got := ready(flags); got != want {
			t.Errorf("flags %#x: %v", flags, got)
		}
	}
}
