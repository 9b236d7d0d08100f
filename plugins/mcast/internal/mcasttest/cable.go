//go:build linux

package mcasttest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
)

// Cable is a network interface with an address, and a peer of it that nobody
// uses: what is sent comes back where loop is on, and it can be unplugged.
type Cable struct {
	Name string // of the interface
	Addr string // 10.78.x.1

	link netlink.Link
}

// cables numbers those of this process.
var cables atomic.Int64

// maxCables is how many addresses there are for them.
const maxCables = 65536

// plugTime is how long the kernel may take to see that there is a peer.
const plugTime = 10 * time.Second

// ErrShared says that this process has no network namespace to itself.
var ErrShared = errors.New("the network of this machine is no place for tests")

// New makes a cable. It wants a network namespace that holds nothing else, as
// lab.Main makes one.
func New() (*Cable, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && !strings.HasPrefix(i.Name, "mcast") && !strings.HasPrefix(i.Name, "lab") {
			return nil, fmt.Errorf("%w: it has %s", ErrShared, i.Name)
		}
	}
	number := cables.Add(1)
	if number >= maxCables {
		return nil, errors.New("too many cables")
	}
	c := &Cable{Name: fmt.Sprintf("mcast%d", number), Addr: fmt.Sprintf("10.78.%d.%d", number>>8, number&255)}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.Name
	c.link = &netlink.Veth{LinkAttrs: attrs, PeerName: c.Name + "b"}
	if err := netlink.LinkAdd(c.link); err != nil {
		return nil, fmt.Errorf("make %s: %w", c.Name, err)
	}
	if err := c.equip(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// equip gives the interface its address and raises both ends.
func (c *Cable) equip() error {
	addr, err := netlink.ParseAddr(c.Addr + "/32")
	if err != nil {
		return err
	}
	peer, err := netlink.LinkByName(c.Name + "b")
	if err != nil {
		return err
	}
	if err := errors.Join(netlink.AddrAdd(c.link, addr), netlink.LinkSetUp(peer)); err != nil {
		return err
	}
	return c.Plug(true)
}

// Plug takes the interface down, or up again, and returns when it can be used.
func (c *Cable) Plug(in bool) error {
	if !in {
		return netlink.LinkSetDown(c.link)
	}
	if err := netlink.LinkSetUp(c.link); err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range plugTime / time.Millisecond {
		if i, err := net.InterfaceByName(c.Name); err == nil && i.Flags&net.FlagRunning != 0 {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("%s has no carrier", c.Name)
}

// Close removes the interface.
func (c *Cable) Close() error { return netlink.LinkDel(c.link) }
