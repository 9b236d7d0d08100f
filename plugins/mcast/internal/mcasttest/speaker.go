//go:build linux

package mcasttest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// The kinds of frames.
const (
	Announcement = 1
	Farewell     = 2
	Question     = 3
)

// Node is what a Speaker says of one node.
type Node struct {
	UID  string // 8-4-4-4-12
	Name string
	Host string
	Port int
}

// Speaker sends frames to a group by one interface and tells of those that it
// hears there.
type Speaker struct {
	Cluster string
	Key     []byte
	group   *net.UDPAddr
	out     *ipv4.PacketConn
	in      *net.UDPConn
	done    chan struct{}

	mu    sync.Mutex
	await map[string]chan struct{} // nonce → closed when it is heard
}

// Heard is a frame as a Speaker understands it; the code of it is right.
type Heard struct {
	Kind     int
	Asks     bool
	UID      string
	Lifetime time.Duration // of an Announcement
	Own      bool          // the Speaker sent it
	Bytes    []byte
}

// Speak opens a Speaker on the interface, for a group address:port; hear is
// called with every frame of the cluster.
func Speak(iface, group, cluster string, key []byte, hear func(Heard)) (*Speaker, error) {
	to, err := net.ResolveUDPAddr("udp4", group)
	if err != nil {
		return nil, err
	}
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, err
	}
	s := &Speaker{Cluster: cluster, Key: key, group: to, done: make(chan struct{}), await: map[string]chan struct{}{}}
	if s.in, err = net.ListenMulticastUDP("udp4", i, to); err != nil {
		return nil, err
	}
	conn, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		_ = s.in.Close()
		return nil, err
	}
	s.out = ipv4.NewPacketConn(conn)
	go s.listen(hear)
	return s, errors.Join(s.out.SetMulticastInterface(i), s.out.SetMulticastLoopback(true), s.in.SetReadBuffer(1<<20))
}

// Close ends the Speaker.
func (s *Speaker) Close() error {
	err := errors.Join(s.in.Close(), s.out.Close())
	<-s.done
	return err
}

// Frame returns the bytes of a frame about the node, by the table in README.md.
func (s *Speaker) Frame(kind int, n Node, at time.Time) []byte {
	cluster := sha256.Sum256([]byte(s.Cluster))
	uid, _ := hex.DecodeString(strings.ReplaceAll(n.UID, "-", ""))
	asks := byte(0)
	if kind == Question {
		asks = 1
	}
	b := append([]byte("MSTC"), 1, byte(kind), asks, 0)
	b = append(b, cluster[:8]...)
	b = append(b, uid...)
	b = binary.BigEndian.AppendUint64(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	b = append(b, nonce...)
	if kind == Announcement {
		b = binary.BigEndian.AppendUint32(b, 30_000)
		b = append(append(b, byte(len(n.Name))), n.Name...)
		b = append(b, 1)
		b = binary.BigEndian.AppendUint16(b, uint16(n.Port))
		b = append(append(b, byte(len(n.Host))), n.Host...)
	}
	return s.sign(b)
}

func (s *Speaker) sign(b []byte) []byte {
	m := hmac.New(sha256.New, s.Key)
	m.Write(b)
	return m.Sum(b)
}

// Send sends bytes as they are.
func (s *Speaker) Send(b []byte) error {
	_, err := s.out.WriteTo(b, nil, s.group)
	return err
}

// Say sends a frame and returns when it has come back, so that it has reached
// everybody on this machine.
func (s *Speaker) Say(ctx context.Context, kind int, n Node) error {
	b := s.Frame(kind, n, time.Now())
	back := make(chan struct{})
	nonce := string(b[48:64])
	s.mu.Lock()
	s.await[nonce] = back
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.await, nonce)
	}()
	if err := s.Send(b); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return errors.New("a frame was not heard by its own sender")
	}
}

func (s *Speaker) listen(hear func(Heard)) {
	defer close(s.done)
	buf := make([]byte, 2000)
	for {
		n, err := s.in.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the interface went down; the next read waits
		}
		if h, ok := s.understand(buf[:n]); ok {
			hear(h)
		}
	}
}

func (s *Speaker) understand(b []byte) (h Heard, ok bool) {
	if len(b) < 96 || !hmac.Equal(s.sign(b[:len(b)-32:len(b)-32]), b) {
		return h, false
	}
	u := hex.EncodeToString(b[16:32])
	h = Heard{Kind: int(b[5]), Asks: b[6] == 1, UID: u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:], Bytes: append([]byte{}, b...)}
	if h.Kind == Announcement {
		h.Lifetime = time.Duration(binary.BigEndian.Uint32(b[64:])) * time.Millisecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if back := s.await[string(b[48:64])]; back != nil {
		close(back)
		delete(s.await, string(b[48:64]))
		h.Own = true
	}
	return h, true
}
