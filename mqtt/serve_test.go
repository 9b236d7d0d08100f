package mqtt

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestMaxConnections closes what is too many, and takes others again later.
func TestMaxConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- f.broker.Serve(ctx, ln, ListenerOptions{ID: "small", MaxConnections: 1}) }()
		f.dial = ln.dial
		p := f.connect("a", true, false)
		f.open().wantClosed()
		f.wantCount("mqtt_connections_refused_total", "max_connections", 1)
		p.send(empty(packet.TypeDisconnect))
		p.wantClosed()
		synctest.Wait()
		p = f.connect("b", true, false)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		p.wantClosed()
		f.wantClosed("shutdown", 1)
	})
}

// TestClose ends everything and refuses what comes after.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, q := f.connect("a", true, false), f.connect("b", false, false)
		f.connect("c", false, false).nc.Close()
		synctest.Wait()
		for range 2 {
			if err := f.broker.Close(); err != nil {
				t.Error(err)
			}
		}
		p.wantClosed()
		q.wantClosed()
		f.wantClosed("shutdown", 2)
		if err := f.broker.Serve(context.Background(), newPipeListener(), ListenerOptions{}); err != ErrClosed {
			t.Error(err)
		}
		f.broker.TakenOver("b", f.cluster.Claim("b", true), true)
		time.Sleep(3 * time.Hour)
		f.wantCount("mqtt_sessions_ended_total", "expired", 0)
	})
}

// failing is a listener that fails a few times and then for good.
type failing struct {
	net.Listener
	left int
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left--; l.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return nil, errBroken
}

var errBroken = errors.New("broken")

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		began := time.Now()
		err := f.broker.Serve(t.Context(), &failing{newPipeListener(), 12}, ListenerOptions{ID: "x"})
		if !errors.Is(err, errBroken) {
			t.Error(err)
		}
		if took := time.Since(began); took < 5*time.Second || took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		f.wantCount("mqtt_accept_errors_total", "", 12)
	})
}

// TestRubbish sends random bytes, whole and with a CONNECT before them: all
// connections end, and the broker serves on.
func TestRubbish(t *testing.T) {
	f := onTCP(t, Limits{MaxPacket: 1 << 16})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 300 {
		nc, err := f.dial()
		if err != nil {
			t.Fatal(err)
		}
		wire := make([]byte, rng.IntN(5000))
		for j := range wire {
			wire[j] = byte(rng.Uint32())
		}
		if i%2 == 0 {
			wire = append(packet.Connect{Version: 4, CleanStart: true, ClientID: "r"}.Append(nil), wire...)
		}
		// The broker may have closed already.
		_, _ = nc.Write(wire)
		if err := nc.(*net.TCPConn).CloseWrite(); err == nil {
			_, _ = io.Copy(io.Discard, nc)
		}
		nc.Close()
	}
	p := f.connect("after", true, false)
	p.send(empty(packet.TypePingreq))
	p.want(empty(packet.TypePingresp))
	f.wantCount("mqtt_panics_total", "", 0)
}
