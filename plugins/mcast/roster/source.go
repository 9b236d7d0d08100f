package roster

import (
	"net/netip"
	"slices"

	"github.com/muster-mqtt/muster/discovery"
)

// Source is where a frame came from.
type Source struct {
	Addr      netip.Addr // without a zone
	Interface string     // name of the interface on which it came
	Local     bool       // Addr is one of this machine's
}

// reachable are the endpoints as this machine can use them: what an address
// means only where it was written is put right.
func (s Source) reachable(said []discovery.Endpoint) []discovery.Endpoint {
	out := make([]discovery.Endpoint, 0, len(said))
	for _, e := range said {
		if addr, err := netip.ParseAddr(e.Host); err == nil {
			e.Host = s.translate(addr.Unmap()).String()
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// translate returns the sender's address where it called itself a loopback
// address and is another machine, and adds to a link-local address the link.
func (s Source) translate(addr netip.Addr) netip.Addr {
	if addr.IsLoopback() && !s.Local {
		addr = s.Addr
	}
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(s.Interface)
	}
	return addr
}

// linkLocal are those of the endpoints that mean something on one link only.
func linkLocal(said []discovery.Endpoint) []discovery.Endpoint {
	var out []discovery.Endpoint
	for _, e := range said {
		if addr, err := netip.ParseAddr(e.Host); err == nil && addr.Is6() && addr.IsLinkLocalUnicast() {
			out = append(out, e)
		}
	}
	return out
}
