package group

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// maxLinks bounds the interfaces in use: as many as Linux lets one socket have
// memberships by default (igmp_max_memberships).
const maxLinks = 20

// maxReasons bounds those in one error.
const maxReasons = 4

// link is an interface that can be used.
type link struct {
	index int
	name  string
}

// finding is what the interfaces of the machine are now.
type finding struct {
	links    []link
	own      map[netip.Addr]bool // every address of the machine
	warnings []string
}

// survey finds the interfaces to use. The error says why there is none.
func survey(o Options) (finding, error) {
	all, err := net.Interfaces()
	if err != nil {
		return finding{}, fmt.Errorf("the network interfaces cannot be listed: %w", err)
	}
	addrs, err := addresses(all)
	if err != nil {
		return finding{}, fmt.Errorf("the addresses of this machine cannot be listed: %w", err)
	}
	return choose(o, all, addrs)
}

// choose is survey without the system.
func choose(o Options, all []net.Interface, addrs map[int][]netip.Addr) (finding, error) {
	f := finding{own: map[netip.Addr]bool{}}
	var loop []link
	var reasons []string
	for _, i := range all {
		for _, a := range addrs[i.Index] {
			f.own[a] = true
		}
		if !o.wants(i.Name, addrs[i.Index]) {
			continue
		}
		l := link{index: i.Index, name: i.Name}
		switch why := o.unusable(i, addrs[i.Index]); {
		case why != "":
			reasons = append(reasons, i.Name+" "+why)
		case i.Flags&net.FlagLoopback != 0:
			loop = append(loop, l)
		default:
			f.links = append(f.links, l)
		}
	}
	if len(f.links) == 0 {
		f.links = loop
		if o.all() && len(loop) > 0 {
			f.warnings = append(f.warnings, "no network interface but loopback can be used: only nodes on this machine are found")
		}
	}
	if len(f.links) == 0 {
		return f, o.nothing(reasons)
	}
	if len(f.links) > maxLinks {
		f.warnings = append(f.warnings, fmt.Sprintf("%d network interfaces could be used, only the first %d are: name one with iface", len(f.links), maxLinks))
		f.links = f.links[:maxLinks]
	}
	return f, nil
}

// all says whether no interface was named.
func (o Options) all() bool {
	addr, err := netip.ParseAddr(o.Interface)
	return o.Interface == "" || err == nil && addr.IsUnspecified()
}

// wants says whether an interface is meant, usable or not.
func (o Options) wants(name string, addrs []netip.Addr) bool {
	if o.all() || name == o.Interface {
		return true
	}
	addr, err := netip.ParseAddr(o.Interface)
	return err == nil && slices.Contains(addrs, addr.WithZone("").Unmap())
}

// unusable says why the group cannot be reached by an interface, "" if it can.
func (o Options) unusable(i net.Interface, addrs []netip.Addr) string {
	family, wanted := "IPv4", netip.Addr.Is4
	if o.Addr.Is6() {
		family, wanted = "IPv6", netip.Addr.Is6
	}
	switch loop := i.Flags&net.FlagLoopback != 0; {
	case i.Flags&net.FlagUp == 0:
		return "is down"
	case i.Flags&net.FlagRunning == 0:
		return "has no carrier"
	case !loop && i.Flags&net.FlagMulticast == 0:
		return "cannot multicast"
	case loop && !o.Loop:
		return "is loopback, where loop = off leaves nobody to hear"
	case !slices.ContainsFunc(addrs, wanted):
		return "has no " + family + " address"
	}
	return ""
}

// nothing is the error when no interface can be used.
func (o Options) nothing(reasons []string) error {
	if len(reasons) > maxReasons {
		reasons = append(reasons[:maxReasons:maxReasons], fmt.Sprintf("and %d more", len(reasons)-maxReasons))
	}
	why := strings.Join(reasons, ", ")
	switch {
	case o.all():
		return fmt.Errorf("no network interface can be used: %s", why)
	case len(reasons) == 0:
		return fmt.Errorf("no network interface has the name or the address %s", o.Interface)
	}
	return fmt.Errorf("the network interface cannot be used: %s", why)
}
