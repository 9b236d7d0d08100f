//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newNamespace makes a network namespace that lives as long as the file.
func newNamespace() (*os.File, error) {
	var made *os.File
	err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
		made, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return made, nil
}

// within runs do with every socket that it opens inside the namespace.
func within(ns *os.File, do func() error) error {
	return onThread(func() error { return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET) }, do)
}

// onThread runs leave and do on one thread, which then returns to its own
// network namespace. A thread that cannot return ends with its goroutine.
func onThread(leave, do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			result <- err
			return
		}
		defer func() { _ = home.Close() }()
		if err = leave(); err == nil {
			err = do()
		}
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			result <- errors.Join(err, back)
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}

// cable joins a host to the switch: a veth pair whose far end is eth0 there.
func cable(name string, h *Host) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: "eth0",
		PeerHardwareAddr: macOf(h.index), PeerNamespace: netlink.NsFd(h.namespace.Fd()),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make the pair %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("raise %s: %w", name, err)
	}
	return nil
}

// furnish gives a host its address and what it has to know of the others. It
// runs within the host.
func furnish(h *Host, hosts []*Host) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	eth, err := netlink.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("eth0: %w", err)
	}
	if err := stopOffloads("eth0"); err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ipOf(h.index), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(eth, addr); err != nil {
		return fmt.Errorf("address of eth0: %w", err)
	}
	for _, l := range []netlink.Link{lo, eth} {
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("raise %s: %w", l.Attrs().Name, err)
		}
	}
	if err := multicastRoute(eth); err != nil {
		return err
	}
	return introduce(h, hosts, eth)
}

// multicastRoute lets programs that name no interface send to groups.
func multicastRoute(eth netlink.Link) error {
	groups := &net.IPNet{IP: net.IPv4(224, 0, 0, 0), Mask: net.CIDRMask(4, 32)}
	route := &netlink.Route{LinkIndex: eth.Attrs().Index, Dst: groups, Scope: netlink.SCOPE_LINK}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route for multicast: %w", err)
	}
	return nil
}

// introduce tells h where the others are, so that a cut is nothing but
// silence: address resolution would turn it into "no route to host".
func introduce(h *Host, hosts []*Host, eth netlink.Link) error {
	for _, other := range hosts {
		if other == h {
			continue
		}
		err := netlink.NeighSet(&netlink.Neigh{
			LinkIndex: eth.Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: ipOf(other.index), HardwareAddr: macOf(other.index),
		})
		if err != nil {
			return fmt.Errorf("neighbour %s: %w", other.Addr(), err)
		}
	}
	return nil
}

// stopOffloads makes the kernel finish its packets before they reach the
// switch: checksums computed, nothing longer than the MTU.
func stopOffloads(device string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("offloads: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, command := range []uint32{
		unix.ETHTOOL_STXCSUM, unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO,
	} {
		if err := ethtoolOff(fd, device, command); err != nil {
			return fmt.Errorf("offload %#x of %s: %w", command, device, err)
		}
	}
	return nil
}

// ethtoolOff sets one of the old on-off settings to off (linux/ethtool.h,
// struct ethtool_value; linux/if.h, struct ifreq).
func ethtoolOff(fd int, device string, command uint32) error {
	value := struct{ command, data uint32 }{command: command}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], device)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(&value)
	if errno != 0 {
		return errno
	}
	return nil
}
