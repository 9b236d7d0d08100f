// Package natstest runs real NATS servers for tests, in the test's process, on
// loopback. It is the only room that imports the server, so that no line of it
// is in a program that ships.
package natstest

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/muster-mqtt/muster/transport/internal/porttest"
)

// startTimeout is far more than a server takes to start.
const startTimeout = 20 * time.Second

// Server is one NATS server. It ends with its test.
type Server struct {
	t    testing.TB
	opts *server.Options
	run  *server.Server
}

// Start starts a server; each of set changes its options. Its port is one that
// no connection can have, and stays the same over Restart.
func Start(t testing.TB, set ...func(*server.Options)) *Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: porttest.Port(t), NoLog: true, NoSigs: true}
	for _, f := range set {
		f(o)
	}
	s := &Server{t: t, opts: o}
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// Cluster starts n servers that are one NATS cluster, and returns when each
// knows all others.
func Cluster(t testing.TB, n int) []*Server {
	t.Helper()
	var all []*Server
	for i := range n {
		all = append(all, Start(t, func(o *server.Options) {
			o.ServerName = fmt.Sprint("s", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: porttest.Port(t), PoolSize: -1}
			for _, s := range all {
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", s.opts.Cluster.Port)})
			}
		}))
	}
	for _, s := range all {
		s.await(func() bool { return s.run.NumRoutes() >= n-1 })
	}
	return all
}

// URL is where clients reach the server.
func (s *Server) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.opts.Port) }

// Stop ends the server and every connection to it; a second call does nothing.
func (s *Server) Stop() {
	if s.run != nil {
		s.run.Shutdown()
		s.run.WaitForShutdown()
		s.run = nil
	}
}

// Restart starts the server, after stopping it if it runs, and returns when it
// serves.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	run, err := server.NewServer(s.opts.Clone())
	if err != nil {
		s.t.Fatalf("NATS server: %v", err)
	}
	s.run = run
	run.Start()
	if !run.ReadyForConnections(startTimeout) {
		s.t.Fatalf("the NATS server does not start")
	}
}

// Cut ends the connection of one client, chosen by any number, and reports
// whether there was one.
func (s *Server) Cut(which int) bool {
	s.t.Helper()
	all, err := s.run.Connz(nil)
	if err != nil {
		s.t.Fatalf("NATS server: %v", err)
	}
	return len(all.Conns) > 0 && s.run.DisconnectClientByID(all.Conns[which%len(all.Conns)].Cid) == nil
}

// await looks at the server until ok: it has no event for what is waited for.
func (s *Server) await(ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(startTimeout)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			s.t.Fatalf("the NATS servers do not find one another")
		}
	}
}
