package epmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a port mapper. Make it with NewServer.
type Server struct {
	log *slog.Logger

	mu       sync.Mutex
	nodes    map[string]entry
	conns    map[net.Conn]struct{}
	asking   []net.Conn // of conns, those that have not registered; the oldest first
	creation uint32
	refused  uint64
	tasks    sync.WaitGroup
}

// entry is a registration and the connection that it lives as long as.
type entry struct {
	record
	conn net.Conn
}

// Bounds of a Server: connections beside those of registered nodes, and the
// time within which a request must have come.
const (
	maxAsking   = 256
	requestTime = 5 * time.Second
)

// NewServer returns a mapper that knows nobody; log hears of nodes that come
// and go, nil is silent.
func NewServer(log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{log: log, nodes: map[string]entry{}, conns: map[net.Conn]struct{}{}, creation: uint32(time.Now().Unix())}
}

// Serve answers on ln until ctx ends, and returns when every connection has
// ended. Like Erlang's, it registers nodes of this machine only, 1000 at most.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	err := s.accept(ctx, ln)
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.tasks.Wait()
	return err
}

func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	pause := 5 * time.Millisecond
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of descriptors: it passes
			s.log.Warn("cannot accept connections", "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		s.enter(conn)
		s.tasks.Go(func() { s.serve(conn) })
	}
}

// enter adds a connection. Where too many ask, the oldest makes way: an honest
// request takes milliseconds, and nobody who says nothing keeps others out.
func (s *Server) enter(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asking) >= maxAsking {
		s.refused++
		_ = s.asking[0].Close()
		s.asking = slices.Delete(s.asking, 0, 1)
	}
	s.conns[conn] = struct{}{}
	s.asking = append(s.asking, conn)
}

// asked takes a connection from those that may have to make way.
func (s *Server) asked(conn net.Conn) {
	if i := slices.Index(s.asking, conn); i >= 0 {
		s.asking = slices.Delete(s.asking, i, i+1)
	}
}

// serve answers one connection.
func (s *Server) serve(conn net.Conn) {
	defer s.leave(conn)
	_ = conn.SetDeadline(time.Now().Add(requestTime))
	body, err := readRequest(conn)
	if err != nil {
		return
	}
	switch body[0] {
	case alive2Req:
		s.register(conn, body[1:])
	case portReq:
		_, _ = conn.Write(s.lookup(string(body[1:])))
	case namesReq, dumpReq:
		_, _ = conn.Write(s.names(conn))
	case killReq:
		_, _ = conn.Write([]byte("NO")) // ours ends by a signal
	case stopReq:
		_, _ = conn.Write([]byte("NOEXIST"))
	}
}

func (s *Server) leave(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.asked(conn)
	for name, e := range s.nodes {
		if e.conn == conn {
			delete(s.nodes, name)
			s.log.Info("a node is gone", "name", name, "port", e.node.Port)
		}
	}
}

// register holds a connection for as long as its node lives.
func (s *Server) register(conn net.Conn, body []byte) {
	r, err := parseRecord(body)
	if err != nil || !local(conn) {
		return
	}
	answer := []byte{alive2Resp, 1, 0, 0}
	creation, ok := s.add(r, conn)
	if ok {
		answer = binary.BigEndian.AppendUint16([]byte{alive2Resp, 0}, uint16(creation%3+1))
	}
	if r.highest >= highest { // creations of 32 bits, since version 6
		answer = binary.BigEndian.AppendUint32([]byte{alive2XResp, answer[1]}, creation)
	}
	if _, err := conn.Write(answer); err != nil || !ok {
		return
	}
	_ = conn.SetDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, bufio.NewReaderSize(conn, 16)) // nothing more is said
}

// add enters a node, unless its name is taken or there are too many.
func (s *Server) add(r record, conn net.Conn) (creation uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.nodes[r.node.Name]; taken || len(s.nodes) >= maxNames {
		s.refused++
		return 0, false
	}
	s.creation++
	s.asked(conn)
	s.nodes[r.node.Name] = entry{r, conn}
	s.log.Info("a node is registered", "name", r.node.Name, "port", r.node.Port)
	return s.creation, true
}

func (s *Server) lookup(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.nodes[name]
	if !ok {
		return []byte{portResp, 1}
	}
	return e.append([]byte{portResp, 0})
}

// names is the answer to who asks for all nodes: the mapper's port, and a line
// for each.
func (s *Server) names(conn net.Conn) []byte {
	port := 0
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		port = a.Port
	}
	var text strings.Builder
	for _, n := range s.Nodes() {
		text.WriteString(nameLine(n))
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(port)), text.String()...)
}

// Nodes returns those that are registered, by name.
func (s *Server) Nodes() (out []Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.nodes {
		out = append(out, e.node)
	}
	slices.SortFunc(out, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Refused counts connections that made way for others, and registrations for
// which there was no room or whose name was taken.
func (s *Server) Refused() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// local reports whether a connection comes from this machine.
func local(conn net.Conn) bool {
	remote, own := addrOf(conn.RemoteAddr()), addrOf(conn.LocalAddr())
	return remote.IsLoopback() || remote.IsValid() && remote == own
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
