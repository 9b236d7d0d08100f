package main

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats"
)

// broker is a NATS server in the process of the far side.
type broker struct{ *server.Server }

func newBroker() (broker, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, MaxPayload: 1 << 20})
	if err != nil {
		return broker{}, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return broker{}, errors.New("the NATS server does not listen")
	}
	return broker{s}, nil
}

func (b broker) stop() {
	b.Shutdown()
	b.WaitForShutdown()
}

func overNATS(url string) carrier {
	return func(uid core.UID, log *slog.Logger) (transport.Transport, error) {
		return nats.Listen(nats.Options{URLs: []string{url}, Cluster: "lane", UID: uid.String(), Logger: log})
	}
}

// natsReceiver is a node and the server that carries its frames. Its address
// is the server's and, after a blank, its own.
type natsReceiver struct {
	*nodeReceiver
	broker broker
}

func farNATS(context.Context) (receiver, error) {
	b, err := newBroker()
	if err != nil {
		return nil, err
	}
	r, err := farNode(overNATS(b.ClientURL()))
	if err != nil {
		b.stop()
		return nil, err
	}
	return &natsReceiver{r, b}, nil
}

func (r *natsReceiver) addr() string { return r.broker.ClientURL() + " " + r.at }

func (r *natsReceiver) close() error {
	err := r.nodeReceiver.close()
	r.broker.stop()
	return err
}

func nearNATS(ctx context.Context, addr string) (sender, error) {
	url, at, _ := strings.Cut(addr, " ")
	return nearNode(ctx, at, overNATS(url))
}

// The bare NATS kind sends this many messages in a frame, and has so many
// frames under way that the server has no cause to drop any.
const (
	natsFrame  = 64
	natsWindow = 128
	natsSend   = "lane.send"
	natsBack   = "lane.back"
	natsAsk    = "lane.ask"
)

// bareNATS is either side of the bare NATS kind.
type bareNATS struct {
	conn   *client.Conn
	broker broker        // of the far side
	credit chan struct{} // of the near side: one for each frame under way
	tally  tally         // of the far side
}

var (
	_ sender   = (*bareNATS)(nil)
	_ receiver = (*bareNATS)(nil)
)

func nearBareNATS(_ context.Context, addr string) (sender, error) {
	conn, err := client.Connect(addr)
	if err != nil {
		return nil, err
	}
	n := &bareNATS{conn: conn, credit: make(chan struct{}, natsWindow)}
	_, err = conn.Subscribe(natsBack, func(*client.Msg) { <-n.credit })
	return n, errors.Join(err, conn.Flush())
}

func farBareNATS(context.Context) (receiver, error) {
	b, err := newBroker()
	if err != nil {
		return nil, err
	}
	conn, err := client.Connect(b.ClientURL())
	if err != nil {
		b.stop()
		return nil, err
	}
	n := &bareNATS{conn: conn, broker: b, tally: newTally()}
	_, err = conn.Subscribe(natsSend, n.take)
	_, no := conn.Subscribe(natsAsk, func(m *client.Msg) { _ = m.Respond(nil) })
	return n, errors.Join(err, no, conn.Flush())
}

// take counts the messages of a frame.
func (n *bareNATS) take(m *client.Msg) {
	for b := m.Data; len(b) >= bareHead; {
		b = b[bareHead+binary.BigEndian.Uint32(b):]
		n.tally.one()
	}
	_ = n.conn.Publish(natsBack, nil) // the sender sees that nothing comes
}

func (n *bareNATS) send(ctx context.Context, messages, size int) error {
	var frame []byte
	payload := make([]byte, size)
	for i := range messages {
		frame = append(binary.BigEndian.AppendUint32(frame, uint32(size)), payload...)
		if (i+1)%natsFrame != 0 && i+1 != messages {
			continue
		}
		select {
		case n.credit <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := n.conn.Publish(natsSend, frame); err != nil {
			return err
		}
		frame = frame[:0]
	}
	return n.conn.Flush()
}

func (n *bareNATS) ask(ctx context.Context, size int) error {
	_, err := n.conn.RequestWithContext(ctx, natsAsk, make([]byte, size))
	return err
}

func (n *bareNATS) addr() string { return n.broker.ClientURL() }

func (n *bareNATS) counted(ctx context.Context, messages int) error {
	return n.tally.wait(ctx, messages)
}

func (n *bareNATS) close() error {
	n.conn.Close()
	if n.broker.Server != nil {
		n.broker.stop()
	}
	return nil
}
