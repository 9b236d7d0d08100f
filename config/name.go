package config

import (
	"net/netip"
	"strings"
)

// NameOptions are what a node's name is made of.
type NameOptions struct {
	Name     string       // node.name; may be empty, or without @
	Bind     string       // node.bind
	HostName string       // of the machine
	Addrs    []netip.Addr // of the machine, in the system's order
	IPv6     bool         // the host is to be an IPv6 address
}

// NodeName completes the name of a node: a missing part before @ is the host
// name, cut to the characters that a name may have; a missing part after it is
// the bind address, or where that is a wildcard or nothing was configured the
// first private IPv4 address, else 127.0.0.1 (CONTRACT.md section 2); with IPv6
// the first private or else global IPv6 address, else ::1. A name
// that was configured without @ has port offset 0: that is for the caller.
func NodeName(o NameOptions) string {
	if strings.Contains(o.Name, "@") {
		return o.Name
	}
	bind, err := netip.ParseAddr(o.Bind)
	if o.Name != "" && err == nil && !bind.IsUnspecified() {
		return o.Name + "@" + o.Bind
	}
	if o.Name == "" {
		o.Name = nameOf(o.HostName)
	}
	if o.IPv6 {
		return o.Name + "@" + firstIPv6(o.Addrs)
	}
	return o.Name + "@" + firstPrivate(o.Addrs)
}

func firstIPv6(addrs []netip.Addr) string {
	best := netip.IPv6Loopback()
	for _, a := range addrs {
		if a.Is4() || a.Is4In6() || a.IsLinkLocalUnicast() || !a.IsGlobalUnicast() {
			continue
		}
		if a.IsPrivate() {
			return a.String()
		}
		if best.IsLoopback() {
			best = a
		}
	}
	return best.String()
}

func firstPrivate(addrs []netip.Addr) string {
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() && a.IsPrivate() {
			return a.String()
		}
	}
	return "127.0.0.1"
}

func nameOf(host string) string {
	name := strings.Map(func(r rune) rune {
		if isAlnum(r) || strings.ContainsRune("_-.", r) {
			return r
		}
		return '-'
	}, host)
	if name == "" {
		return "muster"
	}
	return name[:min(len(name), 64)]
}
