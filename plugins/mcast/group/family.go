package group

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// family is what differs between IPv4 and IPv6.
type family interface {
	// settle sets the hops and whether others on this machine hear us, and
	// asks for the control messages that parse reads.
	settle(ttl int, loop bool) error
	join(on *net.Interface) error
	leave(on *net.Interface) error
	send(packet []byte, index int, to *net.UDPAddr) error
	read(batch []ipv4.Message, flags int) (int, error)
	// parse returns where a packet was sent to, and the index of the interface
	// on which it came.
	parse(control []byte) (to netip.Addr, index int)
	control() int // bytes of a control message
}

var (
	_ family = v4{}
	_ family = v6{}
)

func familyOf(c *net.UDPConn, group netip.Addr) family {
	ip := &net.UDPAddr{IP: group.AsSlice()}
	if group.Is4() {
		return v4{ipv4.NewPacketConn(c), ip}
	}
	return v6{ipv6.NewPacketConn(c), ip}
}

type v4 struct {
	*ipv4.PacketConn
	group *net.UDPAddr
}

func (f v4) settle(ttl int, loop bool) error {
	return errors.Join(f.SetMulticastTTL(ttl), f.SetMulticastLoopback(loop), f.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true))
}

func (f v4) join(on *net.Interface) error  { return f.JoinGroup(on, f.group) }
func (f v4) leave(on *net.Interface) error { return f.LeaveGroup(on, f.group) }
func (f v4) control() int                  { return len(ipv4.NewControlMessage(ipv4.FlagDst | ipv4.FlagInterface)) }

func (f v4) send(packet []byte, index int, to *net.UDPAddr) error {
	_, err := f.WriteTo(packet, &ipv4.ControlMessage{IfIndex: index}, to)
	return err
}

func (f v4) read(batch []ipv4.Message, flags int) (int, error) { return f.ReadBatch(batch, flags) }

func (f v4) parse(control []byte) (netip.Addr, int) {
	var m ipv4.ControlMessage
	if m.Parse(control) != nil {
		return netip.Addr{}, 0
	}
	to, _ := netip.AddrFromSlice(m.Dst)
	return to.Unmap(), m.IfIndex
}

type v6 struct {
	*ipv6.PacketConn
	group *net.UDPAddr
}

func (f v6) settle(ttl int, loop bool) error {
	return errors.Join(f.SetMulticastHopLimit(ttl), f.SetMulticastLoopback(loop), f.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true))
}

func (f v6) join(on *net.Interface) error  { return f.JoinGroup(on, f.group) }
func (f v6) leave(on *net.Interface) error { return f.LeaveGroup(on, f.group) }
func (f v6) control() int                  { return len(ipv6.NewControlMessage(ipv6.FlagDst | ipv6.FlagInterface)) }

func (f v6) send(packet []byte, index int, to *net.UDPAddr) error {
	_, err := f.WriteTo(packet, &ipv6.ControlMessage{IfIndex: index}, to)
	return err
}

func (f v6) read(batch []ipv4.Message, flags int) (int, error) { return f.ReadBatch(batch, flags) }

func (f v6) parse(control []byte) (netip.Addr, int) {
	var m ipv6.ControlMessage
	if m.Parse(control) != nil {
		return netip.Addr{}, 0
	}
	to, _ := netip.AddrFromSlice(m.Dst)
	return to, m.IfIndex
}
