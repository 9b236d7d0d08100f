package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// maxDrained bounds what one Look waits for: under a flood the end of what
	// has arrived never comes.
	maxDrained = 1000
	// faintPause is the pause after a read that failed.
	faintPause = 100 * time.Millisecond
	// maxBatch bounds the packets that are read at once.
	maxBatch = 256
)

// ear is one socket: a port on which the group is heard and spoken to.
type ear struct {
	g      *Group
	port   uint16
	conn   *net.UDPConn
	family family
	joined map[int]bool // by index of the interface; Group.mu guards it
	over   chan struct{}
	done   chan struct{} // closed by the reader

	mu      sync.Mutex
	waiting []chan struct{} // closed when the socket has been found empty
}

// listen opens a socket and starts its reader.
func (g *Group) listen(port uint16) (*ear, error) {
	network, wildcard := "udp4", "0.0.0.0"
	if g.o.Addr.Is6() {
		network, wildcard = "udp6", "::"
	}
	config := net.ListenConfig{Control: share}
	at := net.JoinHostPort(wildcard, fmt.Sprint(port))
	conn, err := config.ListenPacket(context.Background(), network, at)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("UDP port %d is in use by a program that does not share it", port)
		}
		return nil, fmt.Errorf("UDP port %d: %w", port, err)
	}
	e := &ear{
		g: g, port: port, conn: conn.(*net.UDPConn), joined: map[int]bool{},
		over: make(chan struct{}), done: make(chan struct{}),
	}
	e.family = familyOf(e.conn, g.o.Addr)
	if err := e.settle(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("UDP port %d: %w", port, err)
	}
	go e.read()
	return e, nil
}

// share lets several nodes of a machine listen on one port. Outside Linux that
// takes SO_REUSEPORT, which would share packets out inside it.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	bad := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		if err == nil && runtime.GOOS != "linux" {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
	})
	return errors.Join(bad, os.NewSyscallError("setsockopt", err))
}

// settle sets what does not change any more.
func (e *ear) settle() error {
	o := &e.g.o
	return errors.Join(e.conn.SetReadBuffer(o.ReceiveBuffer), e.conn.SetWriteBuffer(o.SendBuffer), e.family.settle(o.TTL, o.Loop))
}

// join makes the socket a member on a link, anew where it was not in use: the
// switches on the way are told again.
func (e *ear) join(l link) error {
	if e.joined[l.index] {
		return nil
	}
	i := &net.Interface{Index: l.index, Name: l.name}
	_ = e.family.leave(i) // it fails where there is no membership, which is well
	if err := e.family.join(i); err != nil {
		return err
	}
	e.joined[l.index] = true
	return nil
}

// retain forgets the memberships on links that are not in use any more.
func (e *ear) retain(used []link) {
	for index := range e.joined {
		if !slices.ContainsFunc(used, func(l link) bool { return l.index == index }) {
			delete(e.joined, index)
		}
	}
}

func (e *ear) send(packet []byte, l link, late time.Time) error {
	if err := e.conn.SetWriteDeadline(late); err != nil {
		return err
	}
	to := &net.UDPAddr{IP: e.g.o.Addr.AsSlice(), Port: int(e.port)}
	return e.family.send(packet, l.index, to)
}

// close ends the reader and returns when it has ended.
func (e *ear) close() error {
	close(e.over)
	err := e.conn.Close()
	<-e.done
	return err
}

// read is the goroutine that receives.
func (e *ear) read() {
	defer close(e.done)
	batch := e.newBatch()
	for {
		n, err := e.family.read(batch, 0)
		e.take(batch[:max(n, 0)])
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			e.empty(batch)
		default: // such as the network going down
			e.g.faint.Add(1)
			select {
			case <-e.over:
				return
			case <-time.After(faintPause):
			}
		}
	}
}

func (e *ear) newBatch() []ipv4.Message {
	size := e.g.o.Size + 1
	batch := make([]ipv4.Message, min(max(e.g.o.Batch/size, 1), maxBatch))
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, size)}
		batch[i].OOB = make([]byte, e.family.control())
	}
	return batch
}

// drain returns when what the socket held at the time of the call has been
// received. It makes the reader look for itself by way of its deadline.
func (e *ear) drain(ctx context.Context) error {
	empty := make(chan struct{})
	e.mu.Lock()
	e.waiting = append(e.waiting, empty)
	e.mu.Unlock()
	_ = e.conn.SetReadDeadline(time.Unix(1, 0)) // it fails when closed only, see done
	select {
	case <-empty:
		return nil
	case <-e.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// empty reads without waiting until there is nothing, and tells who waits.
func (e *ear) empty(batch []ipv4.Message) {
	waiting := e.awake()
	for read := 0; read < maxDrained; read++ {
		n, err := e.family.read(batch, syscall.MSG_DONTWAIT)
		if errors.Is(err, os.ErrDeadlineExceeded) { // by one who began to wait meanwhile
			waiting = append(waiting, e.awake()...)
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		e.take(batch[:n])
		read += n
	}
	for _, w := range waiting {
		close(w)
	}
}

// awake takes the deadline away and returns who waits. In this order: who
// comes later sets it again.
func (e *ear) awake() []chan struct{} {
	_ = e.conn.SetReadDeadline(time.Time{})
	e.mu.Lock()
	defer e.mu.Unlock()
	waiting := e.waiting
	e.waiting = nil
	return waiting
}

// take hands on what is meant for us: packets to the group, by the interfaces
// in use. The port gets what others on this machine have joined as well.
func (e *ear) take(batch []ipv4.Message) {
	v := e.g.view.Load()
	for i := range batch {
		m := &batch[i]
		to, index := e.family.parse(m.OOB[:m.NN])
		name, used := v.names[index]
		addr := source(m.Addr)
		if !used || !addr.IsValid() || to != e.g.o.Addr {
			e.g.stray.Add(1)
			continue
		}
		e.g.o.Receive(Packet{Data: m.Buffers[0][:m.N], Source: addr, Interface: name, Local: v.own[addr]})
	}
}

// source is the address of a sender, invalid if it is none.
func source(a net.Addr) netip.Addr {
	from, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(from.IP)
	return addr.Unmap()
}
