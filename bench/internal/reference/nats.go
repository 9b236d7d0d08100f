package reference

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTime bounds the start of a broker.
const startTime = 10 * time.Second

// natsBroker is a NATS server with its MQTT listener, which needs JetStream.
type natsBroker struct {
	s     *server.Server
	peers int // nodes of the cluster; 0: there is none
}

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
	if s.name != "" {
		if err := s.clustered(o); err != nil {
			return nil, err
		}
	}
	n, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	return &natsBroker{n, len(o.Routes)}, nil
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}

// clustered makes it a node of a cluster.
func (s site) clustered(o *server.Options) (err error) {
	o.ServerName, o.Cluster.Name = s.name, "bench"
	if o.Cluster.Host, o.Cluster.Port, err = split(s.cluster); err != nil {
		return err
	}
	for _, r := range s.routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: r})
	}
	return nil
}

// Start implements broker.
func (n *natsBroker) Start() error {
	n.s.Start()
	if !n.s.ReadyForConnections(startTime) {
		return errors.New("nats does not listen " + fmt.Sprint(startTime) + " after its start")
	}
	limit, look := time.NewTimer(3*startTime), time.NewTicker(50*time.Millisecond)
	defer limit.Stop()
	defer look.Stop()
	for n.peers > 0 && !n.one() {
		select {
		case <-look.C:
		case <-limit.C:
			return errors.New("nats is no cluster " + fmt.Sprint(3*startTime) + " after its start")
		}
	}
	return nil
}

// one reports whether the nodes agree on what is stored; their leader alone
// knows whether all are there.
func (n *natsBroker) one() bool {
	if n.s.JetStreamIsLeader() {
		return len(n.s.JetStreamClusterPeers()) == n.peers
	}
	return n.s.JetStreamIsCurrent()
}

// Stop implements broker.
func (n *natsBroker) Stop() error {
	n.s.Shutdown()
	n.s.WaitForShutdown()
	return nil
}
