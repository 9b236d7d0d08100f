// Package records is the dns strategy: a name whose A, AAAA or SRV records are
// the nodes. It makes candidates of records; asking for them is the work of
// package resolver.
package records

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/dns/resolver"
)

const (
	// roundTime is for one Discover, and leaves time to tell what it came to:
	// the host waits 5 s.
	roundTime = 4 * time.Second
	// lookupsAtOnce bounds the targets of SRV records that are looked up at a
	// time, two questions each.
	lookupsAtOnce = 32
	// maxTargets bounds the targets of one round.
	maxTargets = 1000
)

// resolvConf is the system's list of name servers.
const resolvConf = "/etc/resolv.conf"

// Info describes the plugin.
func Info(version string) discovery.Info {
	return discovery.Info{Name: "dns", Version: version, ConfigSchema: json.RawMessage(schema)}
}

// asker is the part of resolver.Resolver that a round needs.
type asker interface {
	Lookup(ctx context.Context, name string, types ...resolver.Type) []resolver.Result
	Strays() uint64
}

var _ asker = (*resolver.Resolver)(nil)

// New is the discovery.Factory of the dns strategy. It asks no server: one
// that is down now may be up for the first Discover.
func New(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	c, err := decode(s)
	if err != nil {
		return discovery.Configured{}, err
	}
	source := resolver.File(resolvConf)
	if c.server.IsValid() {
		source = resolver.Fixed(c.server)
	}
	log := s.Logger
	if log == nil {
		log = discard()
	}
	out := discovery.Configured{
		Strategy:   &strategy{config: c, resolver: resolver.New(source), log: log},
		NormalForm: c.normal(),
	}
	if c.local() {
		out.Warnings = []string{"the name " + c.Name + " means this machine: no node on another one will be found"}
	}
	return out, nil
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// strategy looks the name up anew each time.
type strategy struct {
	config   config
	resolver asker
	log      *slog.Logger
	told     atomic.Uint64 // strays that the log knows of
}

var _ discovery.Strategy = (*strategy)(nil)

// Discover asks for the records, and for the addresses of those that have
// none themselves. What fails beside something that is found is a warning.
func (s *strategy) Discover(ctx context.Context) (discovery.Answer, error) {
	if s.config.local() {
		return s.loopback(), nil
	}
	round, cancel := context.WithTimeout(ctx, budget(ctx, time.Now()))
	defer cancel()
	results := s.resolver.Lookup(round, s.config.Name, s.config.types...)
	var found []target
	if len(results) == 1 && results[0].Type == resolver.SRV {
		found = s.targets(round, results[0].Services)
	}
	s.tellStrays()
	if err := ctx.Err(); err != nil {
		return discovery.Answer{}, err
	}
	b := builder{config: &s.config}
	return b.answer(results, found)
}

// budget is the time for a round: less than the caller waits, so that it gets
// the part that was found.
func budget(ctx context.Context, now time.Time) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return roundTime
	}
	return min(roundTime, end.Sub(now)*4/5)
}

// target is where SRV records lead.
type target struct {
	service resolver.Service
	results []resolver.Result
}

// targets looks up what the records name, each name once. Addresses that a
// server adds to its answer are not used: they may be of one family only, and
// nobody vouches for them.
func (s *strategy) targets(ctx context.Context, services []resolver.Service) []target {
	services = services[:min(len(services), maxTargets)]
	out := make([]target, len(services))
	slots := make(chan struct{}, lookupsAtOnce)
	var wg sync.WaitGroup
	for i, first := 0, 0; i < len(services); i++ {
		out[i].service = services[i]
		if services[i].Target != services[first].Target {
			first = i
		}
		if i > first || !askable(services[i].Target) {
			continue // as sorted, the same as the one before
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i].results = s.resolver.Lookup(ctx, services[i].Target, resolver.A, resolver.AAAA)
		})
	}
	wg.Wait()
	for i := 1; i < len(out); i++ {
		if out[i].service.Target == out[i-1].service.Target {
			out[i].results = out[i-1].results
		}
	}
	return out
}

// tellStrays puts datagrams that nobody asked for into the log.
func (s *strategy) tellStrays() {
	now := s.resolver.Strays()
	if before := s.told.Swap(now); now > before {
		s.log.Warn("datagrams came from the name server's address that answer no question of ours; they were ignored",
			"new", now-before, "total", now)
	}
}

// loopback is what localhost means.
func (s *strategy) loopback() discovery.Answer {
	b := builder{config: &s.config}
	for _, t := range s.config.types {
		b.addrs = append(b.addrs, loopbacks[t])
	}
	b.hosts(b.addrs, "", 0)
	return b.out
}
