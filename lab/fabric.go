//go:build linux

package lab

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxHosts is how many hosts one lab can hold: one number in the last byte of
// their addresses.
const maxHosts = 250

// ethernetHeader is the length of a frame's addresses and type, in bytes.
const ethernetHeader = 14

// fabric is the switch: a port for each host, and a goroutine for each port.
type fabric struct {
	ports []*os.File
	cuts  [][]atomic.Bool // [from][to]
	pumps sync.WaitGroup
	stats struct{ carried, cut, stray, lost atomic.Uint64 }
}

// Stats counts the Ethernet frames that reached the switch.
type Stats struct {
	Carried uint64 // passed to a host, once for each
	Cut     uint64 // vanished in a cut
	Stray   uint64 // addressed to no host of this lab, or malformed
	Lost    uint64 // not taken by the kernel
}

func newFabric(n int) *fabric {
	f := &fabric{ports: make([]*os.File, n), cuts: make([][]atomic.Bool, n)}
	for i := range f.cuts {
		f.cuts[i] = make([]atomic.Bool, n)
	}
	return f
}

// attach opens the port that stands at a device.
func (f *fabric) attach(index int, device string) error {
	iface, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	f.ports[index] = os.NewFile(uintptr(fd), device)
	// Without this a port would hear the frames that it writes itself.
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	all := uint16(unix.ETH_P_ALL)
	at := &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: iface.Index}
	return os.NewSyscallError("bind", unix.Bind(fd, at))
}

// start begins to switch.
func (f *fabric) start() {
	for i := range f.ports {
		f.pumps.Go(func() { f.pump(i) })
	}
}

// stop closes the ports and returns when no goroutine is left.
func (f *fabric) stop() {
	for _, p := range f.ports {
		if p != nil {
			_ = p.Close()
		}
	}
	f.pumps.Wait()
}

// pump passes on what one host sends.
func (f *fabric) pump(from int) {
	frame := make([]byte, 1<<16)
	for {
		n, err := f.ports[from].Read(frame)
		switch {
		case err == nil:
			f.forward(from, frame[:n])
		case errors.Is(err, unix.ENETDOWN): // the host's program took eth0 down
			f.stats.lost.Add(1)
		default:
			return
		}
	}
}

// forward finds out whom a frame is for.
func (f *fabric) forward(from int, frame []byte) {
	if len(frame) < ethernetHeader {
		f.stats.stray.Add(1)
		return
	}
	if toGroup := frame[0]&1 != 0; toGroup {
		for to := range f.ports {
			if to != from {
				f.carry(from, to, frame)
			}
		}
		return
	}
	to, known := hostOf(frame[:6], len(f.ports))
	if !known {
		f.stats.stray.Add(1)
		return
	}
	f.carry(from, to, frame)
}

// carry hands a frame to one host. This is the one place where the faults of
// a path act on it; it may keep frame only as a copy.
func (f *fabric) carry(from, to int, frame []byte) {
	if f.cuts[from][to].Load() {
		f.stats.cut.Add(1)
		return
	}
	if _, err := f.ports[to].Write(frame); err != nil {
		f.stats.lost.Add(1)
		return
	}
	f.stats.carried.Add(1)
}

// macOf is a host's hardware address: locally administered, its number last.
func macOf(index int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 'm', 'u', 's', 't', byte(index + 1)}
}

// hostOf finds a hardware address among the first n of macOf.
func hostOf(mac net.HardwareAddr, n int) (index int, known bool) {
	index = int(mac[5]) - 1
	if index < 0 || index >= n || string(mac) != string(macOf(index)) {
		return 0, false
	}
	return index, true
}

// ipOf is a host's address.
func ipOf(index int) net.IP { return net.IPv4(10, 77, 0, byte(index+1)) }
