package nats

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// How long the way to a server may stand still. What the server answers comes
// behind all that it has for us, so the age of an answer says how slow the way
// is, and only a silence of all bytes that nobody is there.
const (
	// silence is for how long no byte may come; lastChance how long it then
	// still may, since it can be this process that was stopped.
	silence    = 2 * time.Second
	lastChance = time.Second
	// writeTimeout is for how long no byte of a write may leave, writeAtMost
	// for how long a whole one may take: links die meanwhile, and 600 KB in a
	// minute are 80 kbit/s.
	writeTimeout = 5 * time.Second
	writeAtMost  = time.Minute
)

var (
	errSilent = fmt.Errorf("the NATS server has sent nothing for %v", silence+lastChance)
	errStuck  = errors.New("the NATS server does not read")
)

// dialer opens ways.
type dialer struct{ net.Dialer }

// Dial opens the way to one address of a server.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.Dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &way{Conn: c}, nil
}

// way is a connection to a server that ends when it stands still. A call that
// fails has ended it, for what was half written or half read.
type way struct {
	net.Conn
	mu          sync.Mutex
	read, write time.Time // deadlines of the client, which go first
}

var _ net.Conn = (*way)(nil)

// SetDeadline sets both.
func (w *way) SetDeadline(at time.Time) error {
	return errors.Join(w.SetReadDeadline(at), w.SetWriteDeadline(at))
}

// SetReadDeadline is in place of the bound of silence; zero: the latter again.
func (w *way) SetReadDeadline(at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read = at
	return w.Conn.SetReadDeadline(at)
}

// SetWriteDeadline is in place of the bounds of a write; zero: those again.
func (w *way) SetWriteDeadline(at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write = at
	return w.Conn.SetWriteDeadline(at)
}

// readWithin gives a read the time d, unless the client has said how long.
func (w *way) readWithin(d time.Duration) (ours bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.read.IsZero() {
		return false, nil
	}
	return true, w.Conn.SetReadDeadline(time.Now().Add(d))
}

func (w *way) writeUntil(at time.Time) (ours bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.write.IsZero() {
		return false, nil
	}
	return true, w.Conn.SetWriteDeadline(at)
}

// Read fails after a silence, and ends a write that stands still meanwhile.
func (w *way) Read(b []byte) (n int, err error) {
	for _, d := range []time.Duration{silence, lastChance} {
		ours, failed := w.readWithin(d)
		if failed != nil {
			return 0, failed
		}
		if n, err = w.Conn.Read(b); n > 0 || !ours || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
	_ = w.Conn.Close()
	return 0, errSilent
}

// Write goes on as long as bytes leave.
func (w *way) Write(b []byte) (n int, err error) {
	last := time.Now().Add(writeAtMost)
	for {
		now := time.Now()
		ours, failed := w.writeUntil(earlier(now.Add(writeTimeout), last))
		if failed != nil {
			return n, failed
		}
		some, err := w.Conn.Write(b[n:])
		n += some
		switch {
		case err == nil:
			return n, nil
		case !ours || !errors.Is(err, os.ErrDeadlineExceeded):
		case some > 0 && time.Now().Before(last):
			continue
		default:
			err = errStuck
		}
		_ = w.Conn.Close()
		return n, err
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
