package group

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// addresses returns those of every interface that can be used, by its index. It asks once: the
// standard library would ask once for each interface, and machines that run
// containers have hundreds (rtnetlink(7)).
func addresses([]net.Interface) (map[int][]netip.Addr, error) {
	table, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return nil, err
	}
	out := map[int][]netip.Addr{}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg || !ready(m.Data[2]) {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, err
		}
		if addr := addressOf(attrs); addr.IsValid() {
			index := int(binary.NativeEndian.Uint32(m.Data[4:8])) // struct ifaddrmsg: ifa_index
			out[index] = append(out[index], addr)
		}
	}
	return out, nil
}

// ready says whether an address can be used, by the flags of struct ifaddrmsg:
// a new IPv6 address has to wait until nobody else is found to have it
// (RFC 4862, 5.4; RFC 4429).
func ready(flags byte) bool {
	const waits = syscall.IFA_F_TENTATIVE
	return flags&syscall.IFA_F_DADFAILED == 0 && (flags&waits == 0 || flags&syscall.IFA_F_OPTIMISTIC != 0)
}

// addressOf finds the interface's own address: on a point-to-point link
// IFA_ADDRESS is the other end's.
func addressOf(attrs []syscall.NetlinkRouteAttr) (found netip.Addr) {
	for _, a := range attrs {
		addr, ok := netip.AddrFromSlice(a.Value)
		switch {
		case !ok:
		case a.Attr.Type == syscall.IFA_LOCAL:
			return addr
		case a.Attr.Type == syscall.IFA_ADDRESS:
			found = addr
		}
	}
	return found
}
