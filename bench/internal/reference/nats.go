package reference

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTime bounds the start of a broker.
const startTime = 10 * time.Second

// natsBroker is a NATS server with its MQTT listener, which needs JetStream.
type natsBroker struct{ s *server.Server }

var _ broker = (*natsBroker)(nil)

// newNATS leaves everything at its defaults except where it listens. It has
// one listener for MQTT, with TLS or without; with TLS the other address is
// that of its own protocol, which nobody uses here.
func newNATS(s site) (broker, error) {
	o := &server.Options{ServerName: "bench", JetStream: true, StoreDir: s.dir, NoLog: true, NoSigs: true}
	config, err := s.serverTLS()
	if err != nil {
		return nil, err
	}
	at := s.addr
	o.Host, o.Port = "127.0.0.1", server.RANDOM_PORT
	if config != nil {
		if o.Host, o.Port, err = split(s.addr); err != nil {
			return nil, err
		}
		at, o.MQTT.TLSConfig, o.MQTT.TLSTimeout = s.tlsAddr, config, startTime.Seconds()
	}
	if o.MQTT.Host, o.MQTT.Port, err = split(at); err != nil {
		return nil, err
	}
	n, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	return &natsBroker{n}, nil
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}

// Start implements broker.
func (n *natsBroker) Start() error {
	n.s.Start()
	if !n.s.ReadyForConnections(startTime) {
		return errors.New("nats does not listen " + fmt.Sprint(startTime) + " after its start")
	}
	return nil
}

// Stop implements broker.
func (n *natsBroker) Stop() error {
	n.s.Shutdown()
	n.s.WaitForShutdown()
	return nil
}
