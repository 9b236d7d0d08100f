package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that says back what it hears.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// start is a wire to an echo, with a connection on it.
func start(t *testing.T) (*Wire, net.Conn) {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	w.Connect(echo(t))
	return w, dial(t, w)
}

func dial(t *testing.T, w *Wire) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends a byte, which never waits, and waits for it, for d at the most.
func say(c net.Conn, d time.Duration) error {
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

const soon = time.Minute

func TestReset(t *testing.T) {
	w, c := start(t)
	if err := say(c, soon); err != nil {
		t.Fatal(err)
	}
	w.Reset()
	if err := say(c, soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a reset connection: %v", err)
	}
	if err := say(dial(t, w), soon); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestCut(t *testing.T) {
	w, c := start(t)
	w.Cut(true)
	for _, c := range []net.Conn{c, dial(t, w)} {
		if err := say(c, soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a cut wire: %v", err)
		}
	}
	w.Cut(false)
	if err := say(dial(t, w), soon); err != nil {
		t.Errorf("a wire that is whole again: %v", err)
	}
}

// TestHold: what is held is not lost.
func TestHold(t *testing.T) {
	w, c := start(t)
	w.Hold(true)
	if err := say(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a held wire: %v", err)
	}
	w.Hold(false)
	_ = c.SetReadDeadline(time.Now().Add(soon))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("a wire that goes on: %v", err)
	}
}
