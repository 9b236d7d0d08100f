package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/transport/helloport"
	"github.com/muster-mqtt/muster/transport/nats"
)

// openLinks makes what the links between nodes go over. With NATS the cluster
// port stays open for hello and probes.
func (d *daemon) openLinks() (err error) {
	d.links = d.port()
	if d.conf.Transport != "nats" {
		return nil
	}
	c := d.conf.NATS
	d.nats, err = nats.Listen(nats.Options{
		URLs: c.URLs, Cluster: d.conf.Cluster.Name, UID: d.saved.UID.String(), Start: uint64(d.saved.Incarnation), Credentials: c.Credentials,
		CACert: c.CACertFile, Cert: c.CertFile, Key: c.KeyFile, SkipVerify: !c.VerifyPeer, Logger: d.log,
	})
	if err != nil {
		return fmt.Errorf("transport.nats: %w", err)
	}
	links := helloport.New(helloport.Options{Links: d.nats, Port: d.port(), IsLink: isUID})
	d.later(links.Close)
	d.links = links
	return nil
}

func isUID(addr string) bool {
	_, err := core.ParseUID(addr)
	return err == nil
}

// hears reports whether nodes that the transport hears of are candidates.
func (d *daemon) hears() bool {
	return slices.Contains(d.conf.Cluster.Strategies, node.StrategyTransport)
}

// sources are the strategies as the node asks them.
func (d *daemon) sources() (out []node.Source) {
	for _, h := range d.hosts {
		out = append(out, h)
	}
	if d.hears() {
		out = append(out, node.FromTransport(d.nats))
	}
	return out
}

// advertised is the address at which others become peers.
func (d *daemon) advertised() string {
	if d.nats != nil {
		return d.nats.Addr()
	}
	return d.id.advertise(d.id.port)
}

// steered is what operators see and steer of all strategies.
func (d *daemon) steered() admin.Strategies {
	plugins := strategies{d.hosts, d.node}
	if d.hears() {
		return withHeard{plugins, d.nats}
	}
	return plugins
}

// withHeard adds the strategy transport to those with plugins.
type withHeard struct {
	strategies
	hearer node.Hearer
}

var _ admin.Strategies = withHeard{}

func (s withHeard) List(ctx context.Context) []admin.Strategy {
	now := time.Now().UTC()
	row := admin.Strategy{
		Name: node.StrategyTransport, State: "ready", Capabilities: []string{"watch"}, Watching: true,
		Backend: "ok", Registration: "none",
	}
	if heard, err := s.hearer.Heard(); err != nil {
		row.Backend, row.LastError, row.LastErrorAt = "down", err.Error(), &now
	} else {
		row.Candidates, row.LastAnswer = len(heard), &now
	}
	return append(s.strategies.List(ctx), row)
}

func (s withHeard) Test(ctx context.Context, strategy string) (admin.DiscoveryTest, error) {
	if strategy != node.StrategyTransport {
		return s.strategies.Test(ctx, strategy)
	}
	heard, err := s.hearer.Heard()
	if err != nil {
		return admin.DiscoveryTest{}, fmt.Errorf("strategy %s: %w", strategy, err)
	}
	out := admin.DiscoveryTest{Strategy: strategy, Complete: true}
	for _, uid := range heard {
		out.Candidates = append(out.Candidates, admin.Candidate{UID: uid, Readiness: readinessNames[0]})
	}
	return out, nil
}

func (s withHeard) Switch(strategy string, on bool) error {
	if strategy == node.StrategyTransport {
		return errors.New("the strategy transport has no plugin to switch: it is a part of the transport; set cluster.discovery_strategy and restart")
	}
	return s.strategies.Switch(strategy, on)
}

// natsCounters are there with NATS only.
func (d *daemon) natsCounters() []core.Count {
	if d.nats == nil {
		return nil
	}
	s := d.nats.Stats()
	return []core.Count{
		{Name: "nats_links_refused_total", Reason: "too_many", Value: s.RefusedFull},
		{Name: "nats_links_refused_total", Reason: "too_many_of_node", Value: s.RefusedSource},
		{Name: "nats_links_closed_total", Reason: "frames_lost", Value: s.Lost},
		{Name: "nats_links_closed_total", Reason: "window_overrun", Value: s.Overrun},
		{Name: "nats_packets_dropped_total", Reason: "doubled", Value: s.Doubled},
		{Name: "nats_packets_dropped_total", Reason: "malformed", Value: s.Malformed},
		{Name: "nats_packets_dropped_total", Reason: "no_such_link", Value: s.Stray},
		{Name: "nats_packets_dropped_total", Reason: "outbox_full", Value: s.Crowded},
		{Name: "nats_packets_dropped_total", Reason: "not_connected", Value: s.Offline},
		{Name: "nats_slow_consumer_total", Value: s.SlowConsumer},
		{Name: "nats_permissions_denied_total", Value: s.Denied},
		{Name: "nats_disconnects_total", Value: s.Disconnects},
		{Name: "nats_nodes_not_remembered_total", Reason: "too_many", Value: s.Unheard},
		{Name: "nats_twins_heard_total", Value: s.Twins},
	}
}
