package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are made by dial.
type pipes struct {
	conns chan net.Conn
	fail  chan error
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), fail: make(chan error), done: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.fail:
		return nil, err
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial is a client, if it is taken within a second.
func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	select {
	case p.conns <- here:
		return there
	case <-time.After(time.Second):
		return nil
	}
}

func gone(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// TestSlowHandshakesMakeWay: at most MaxHandshakes are under way, and one that
// has had its time ends when another client waits.
func TestSlowHandshakesMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count, p := &Counters{}, newPipes()
		ln := Wrap(p, Options{WebSocket: &WebSocket{}, MaxHandshakes: 3, Counters: count})
		var slow []net.Conn
		for range 3 {
			slow = append(slow, p.dial())
		}
		fourth := p.dial() // it is taken, but does not begin
		if fifth := p.dial(); fifth != nil {
			t.Error("a fifth client was taken")
		}
		synctest.Wait()
		if gone(slow[0]) {
			t.Error("the first client had less than its time")
		}
		time.Sleep(1100 * time.Millisecond) // 2 s in all
		synctest.Wait()
		if !gone(slow[0]) || gone(slow[1]) {
			t.Error("the first client alone should have made way")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !gone(slow[1]) || !gone(slow[2]) || !gone(fourth) {
			t.Error("a handshake lasts for ever")
		}
		if count.evicted.Load() != 1 || count.late.Load() != 3 {
			t.Errorf("%v", count.Counts())
		}
		_ = ln.Close()
	})
}

// TestCloseEndsHandshakes, and those that are done and that nobody accepts.
func TestCloseEndsHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		ln := Wrap(p, Options{WebSocket: &WebSocket{}, MaxHandshakes: 1})
		first, second := p.dial(), p.dial()
		synctest.Wait()
		_ = ln.Close()
		_ = ln.Close()
		if !gone(first) || !gone(second) {
			t.Error("a client is still there")
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestAcceptErrors go to the caller of Accept, who knows whether to go on.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		ln := Wrap(p, Options{WebSocket: &WebSocket{}})
		broken := errors.New("too many open files")
		for range 2 {
			go func() { p.fail <- broken }()
			if _, err := ln.Accept(); !errors.Is(err, broken) {
				t.Error(err)
			}
		}
		_ = ln.Close()
	})
}

// TestPanicCostsOneConnection: a handshake that panics ends that one.
func TestPanicCostsOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		count, p := &Counters{}, newPipes()
		ln := Wrap(p, Options{TLS: &TLS{}, Counters: count, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 2 { // a TLS without material is what nobody makes
			c := p.dial()
			synctest.Wait()
			if !gone(c) {
				t.Error("the connection is still there")
			}
		}
		_ = ln.Close()
		if count.tls.Load() != 2 || !strings.Contains(log.String(), "a handshake ended in a panic") {
			t.Error(count.Counts(), log.String())
		}
	})
}

func TestPlainTCPIsNotWrapped(t *testing.T) {
	ln, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, ok := ln.(*net.TCPListener); !ok {
		t.Errorf("%T", ln)
	}
	if _, err := Listen(ln.Addr().String(), Options{WebSocket: &WebSocket{}}); err == nil {
		t.Error("two listeners at one address")
	}
}

// TestCloseDoesNotWait: not for a client that does not read, over TLS either.
func TestCloseDoesNotWait(t *testing.T) {
	ca := newAuthority(t, "ca")
	for name, o := range map[string]Options{
		"ssl": {TLS: mustTLS(t, ca.server("broker"))},
		"wss": {TLS: mustTLS(t, ca.server("broker")), WebSocket: &WebSocket{}},
		"ws":  {WebSocket: &WebSocket{}},
	} {
		ln, err := Listen("127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan net.Conn, 1)
		go func() {
			c, _ := ln.Accept()
			accepted <- c
		}()
		client := dialAny(t, ln.Addr().String(), ca, o)
		c := <-accepted
		_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		for err = nil; err == nil; { // until every buffer is full
			_, err = c.Write(make([]byte, 64<<10))
		}
		_ = c.SetWriteDeadline(time.Time{})
		begin := time.Now()
		_ = c.Close()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%s: closing took %v", name, took)
		}
		_, _ = client.Close(), ln.Close()
	}
}

// TestCloseWrite: the client sees the end of the stream, and what it sends is
// still read.
func TestCloseWrite(t *testing.T) {
	ca := newAuthority(t, "ca")
	for name, o := range map[string]Options{
		"ssl": {TLS: mustTLS(t, ca.server("broker"))},
		"wss": {TLS: mustTLS(t, ca.server("broker")), WebSocket: &WebSocket{}},
		"ws":  {WebSocket: &WebSocket{}},
	} {
		ln, err := Listen("127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan net.Conn, 1)
		go func() {
			c, _ := ln.Accept()
			accepted <- c
		}()
		client := dialAny(t, ln.Addr().String(), ca, o)
		c := <-accepted
		_, _ = c.Write([]byte("last"))
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(client); err != nil || !strings.Contains(string(got), "last") {
			t.Errorf("%s: %q %v", name, got, err)
		}
		_, _ = client.Write(binaryFrame("late"))
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := c.Read(make([]byte, 100)); n == 0 || err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, _, _ = client.Close(), c.Close(), ln.Close()
	}
}

// dialAny connects as the listener wants it.
func dialAny(t *testing.T, addr string, ca *authority, o Options) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil && o.TLS != nil {
		c = tls.Client(c, ca.client(nil))
	}
	if err == nil && o.WebSocket != nil {
		_, err = io.WriteString(c, "GET /mqtt HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
	} else if o.TLS != nil {
		err = c.(*tls.Conn).Handshake()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
