// Package wire puts a strategy's backend behind a TCP connection that can be
// cut, held or reset, for the fixtures of conformance suites and for tests of
// a strategy's own.
package wire

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Wire carries TCP connections to a server, whose address may change, and
// can be told to carry nothing.
type Wire struct {
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	to    string
	cut   bool          // every connection is ended at once
	held  chan struct{} // not nil: nothing moves until it is closed
	conns map[net.Conn]bool
}

// New listens on a free port of 127.0.0.1.
func New() (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{listener: l, conns: map[net.Conn]bool{}}
	w.running.Go(w.accept)
	return w, nil
}

// Addr is where clients connect to, host:port.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// Connect sets the server that new connections lead to.
func (w *Wire) Connect(to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = to
}

// Cut ends all connections and refuses new ones, until it is called with off.
func (w *Wire) Cut(on bool) {
	w.mu.Lock()
	w.cut = on
	w.mu.Unlock()
	if on {
		w.Reset()
	}
}

// Hold stops what moves on all connections, without ending one.
func (w *Wire) Hold(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on && w.held == nil:
		w.held = make(chan struct{})
	case !on && w.held != nil:
		close(w.held)
		w.held = nil
	}
}

// Reset ends all connections, once.
func (w *Wire) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}

// Close ends the wire and everything on it.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.Hold(false)
	w.Cut(true)
	w.running.Wait()
	return err
}

func (w *Wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.carry(c) })
	}
}

func (w *Wire) carry(c net.Conn) {
	defer c.Close()
	if !w.add(c) {
		return
	}
	defer w.remove(c)
	w.mu.Lock()
	to := w.to
	w.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	if !w.add(server) {
		return
	}
	defer w.remove(server)
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{c: server, server: c} {
		both.Go(func() {
			_, _ = io.Copy(gate{w, to}, from)
			_ = to.Close()
		})
	}
	both.Wait()
}

// add keeps a connection to be ended; false: the wire is cut.
func (w *Wire) add(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
	if w.cut {
		delete(w.conns, c)
	}
	return !w.cut
}

func (w *Wire) remove(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

// gate lets bytes through unless the wire is held.
type gate struct {
	w  *Wire
	to net.Conn
}

var _ io.Writer = gate{}

func (g gate) Write(b []byte) (int, error) {
	g.w.mu.Lock()
	held := g.w.held
	g.w.mu.Unlock()
	if held != nil {
		<-held
	}
	n, err := g.to.Write(b)
	if errors.Is(err, net.ErrClosed) {
		err = io.EOF
	}
	return n, err
}
