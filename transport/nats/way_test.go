package nats

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// ways runs f with a way and the server's end of it, in virtual time.
func ways(t *testing.T, f func(t *testing.T, w *way, server net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		f(t, &way{Conn: near}, far)
	})
}

// A server that says nothing at all is left after silence and lastChance.
func TestSilentServer(t *testing.T) {
	ways(t, func(t *testing.T, w *way, _ net.Conn) {
		began := time.Now()
		if _, err := w.Read(make([]byte, 1)); !errors.Is(err, errSilent) || time.Since(began) != silence+lastChance {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := w.Conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the way goes on: %v", err)
		}
	})
}

// Any byte is life, for as long as it takes.
func TestSlowServer(t *testing.T) {
	ways(t, func(t *testing.T, w *way, server net.Conn) {
		go func() {
			for range 100 {
				time.Sleep(silence + lastChance - time.Millisecond)
				_, _ = server.Write([]byte("P"))
			}
			_ = server.Close()
		}()
		got, err := io.ReadAll(w)
		if len(got) != 100 || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// A write goes on while bytes leave, but not for ever, and ends soon when none
// do.
func TestWriteMakesProgress(t *testing.T) {
	for _, c := range []struct {
		what  string
		pause time.Duration // of the server between bytes
		bytes int
		want  error
		took  time.Duration
	}{
		{"slow", 2 * time.Second, 20, nil, 40 * time.Second},
		{"stuck", time.Hour, 20, errStuck, writeTimeout},
		{"trickle", 4 * time.Second, 100, errStuck, writeAtMost},
	} {
		ways(t, func(t *testing.T, w *way, server net.Conn) {
			go func() {
				b := make([]byte, 1)
				for {
					time.Sleep(c.pause)
					if _, err := server.Read(b); err != nil {
						return
					}
				}
			}()
			began := time.Now()
			n, err := w.Write(make([]byte, c.bytes))
			took := time.Since(began)
			_ = w.Close()
			synctest.Wait()
			time.Sleep(c.pause) // the server reads its end
			if !errors.Is(err, c.want) || took != c.took || err == nil && n != c.bytes {
				t.Errorf("%s: %d bytes, %v after %v", c.what, n, err, took)
			}
		})
	}
}

// A server that is found silent frees who writes to it.
func TestSilenceEndsAWrite(t *testing.T) {
	ways(t, func(t *testing.T, w *way, _ net.Conn) {
		began := time.Now()
		go func() { _, _ = w.Read(make([]byte, 1)) }()
		if _, err := w.Write([]byte("x")); err == nil || time.Since(began) != silence+lastChance {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// The deadlines that the client sets while it connects go before ours.
func TestDeadlinesOfTheClient(t *testing.T) {
	ways(t, func(t *testing.T, w *way, _ net.Conn) {
		began := time.Now()
		if err := w.SetDeadline(began.Add(connectTimeout / 2)); err != nil {
			t.Fatal(err)
		}
		_, read := w.Read(make([]byte, 1))
		_, write := w.Write([]byte("x"))
		if !errors.Is(read, os.ErrDeadlineExceeded) || !errors.Is(write, os.ErrDeadlineExceeded) || time.Since(began) != connectTimeout/2 {
			t.Errorf("%v and %v after %v", read, write, time.Since(began))
		}
	})
}
