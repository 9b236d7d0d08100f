//go:build !linux

package group

import (
	"net"
	"net/netip"
)

// addresses returns those of every interface by its index.
func addresses(all []net.Interface) (map[int][]netip.Addr, error) {
	out := map[int][]netip.Addr{}
	for _, i := range all {
		found, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				out[i.Index] = append(out[i.Index], prefix.Addr().Unmap().WithZone(""))
			}
		}
	}
	return out, nil
}
