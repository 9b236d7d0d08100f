package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// holders is how many connections are made at the same time.
const holders = 8

// Held is what became of connections that did nothing.
type Held struct {
	Connected int   `json:"connected"`
	Alive     int   `json:"alive"`   // answered a PINGREQ at the end
	Started   int64 `json:"started"` // nanoseconds since 1970, the first dialled
	Ended     int64 `json:"ended"`   // the last accepted
}

// hold is connections without memory of their own beyond the socket, so that
// a process can have many.
type hold struct {
	o     Options
	tls   *tls.Config // nil: none
	conns []net.Conn
}

// runHold connects all clients, tells that it is ready, and keeps them until
// start.
func runHold(ctx context.Context, o Options, s signals) (Held, error) {
	h := &hold{o: o, conns: make([]net.Conn, o.Clients)}
	defer h.close()
	var err error
	if h.tls, err = clientTLS(o.CA); err != nil {
		return Held{}, err
	}
	held := Held{Connected: o.Clients, Started: time.Now().UnixNano()}
	if err := h.each(ctx, h.connect); err != nil {
		return Held{}, because(ctx, err)
	}
	held.Ended = time.Now().UnixNano()
	s.ready()
	select {
	case <-s.start:
	case <-ctx.Done():
		return Held{}, context.Cause(ctx)
	}
	answered := make([]bool, o.Clients)
	err = h.each(ctx, func(_ context.Context, i int) error {
		answered[i] = h.ask(h.conns[i], wire.AppendEmpty(nil, wire.Pingreq), make([]byte, 2)) == nil
		return nil
	})
	for _, ok := range answered {
		if ok {
			held.Alive++
		}
	}
	return held, because(ctx, err)
}

// each does something with every connection, some at a time.
func (h *hold) each(ctx context.Context, part func(context.Context, int) error) error {
	return together(ctx, holders, func(ctx context.Context, first int) error {
		for i := first; i < len(h.conns) && ctx.Err() == nil; i += holders {
			if err := part(ctx, i); err != nil {
				return fmt.Errorf("client %d at %s: %w", i, h.o.Addr, err)
			}
		}
		return nil
	})
}

func (h *hold) connect(ctx context.Context, i int) error {
	d := net.Dialer{Timeout: handshake}
	conn, err := d.DialContext(ctx, "tcp", h.o.Addr)
	if err != nil {
		return err
	}
	if h.tls != nil {
		conn = tls.Client(conn, h.tls)
	}
	h.conns[i] = conn
	answer := make([]byte, 4)
	if err := h.ask(conn, wire.AppendConnect(nil, fmt.Sprintf("%s-h%d", h.o.ID, i)), answer); err != nil {
		return err
	}
	if answer[0] != wire.Connack<<4 || answer[3] != 0 {
		return fmt.Errorf("CONNECT: %w: % x", ErrRefused, answer)
	}
	return nil
}

// ask writes a packet and reads an answer of known length.
func (h *hold) ask(conn net.Conn, packet, answer []byte) error {
	if err := conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return err
	}
	if _, err := conn.Write(packet); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, answer)
	return err
}

func (h *hold) close() {
	for _, c := range h.conns {
		if c != nil {
			_ = c.Close()
		}
	}
}

// clientTLS trusts the authority of a file and nobody else.
func clientTLS(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + ": no certificate in it")
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}, nil
}
