package seeds

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

const (
	// lookupTimeout leaves a round time to answer with what did resolve: the
	// host waits 5 s for the whole.
	lookupTimeout = 3 * time.Second
	// lookupsAtOnce bounds the queries of one round that are under way.
	lookupsAtOnce = 64
)

// Info describes the plugin.
func Info(version string) discovery.Info {
	return discovery.Info{Name: "static", Version: version, ConfigSchema: json.RawMessage(schema)}
}

// resolver is the part of net.Resolver that a round needs.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var _ resolver = (*net.Resolver)(nil)

// New is the discovery.Factory of the static strategy.
func New(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	// Go's own resolver, because it stops when its context does.
	return configure(s, &net.Resolver{PreferGo: true})
}

func configure(s discovery.Setup, r resolver) (discovery.Configured, error) {
	var c config
	if err := s.Decode(&c); err != nil {
		return discovery.Configured{}, err
	}
	seeds, err := c.Seeds.parse()
	if err != nil {
		return discovery.Configured{}, err
	}
	out := discovery.Configured{
		Strategy:   &strategy{seeds: seeds, resolver: r},
		NormalForm: normal(seeds),
	}
	if len(seeds) == 0 {
		out.Warnings = []string{"the list is empty: this strategy finds nobody, others may find this node"}
	}
	return out, nil
}

// strategy answers the list, resolved anew each time.
type strategy struct {
	seeds    []seed
	resolver resolver
}

var _ discovery.Strategy = (*strategy)(nil)

// Discover resolves all seeds. It fails only if there are seeds and none
// resolves; otherwise those that do not are warnings of the answer.
func (s *strategy) Discover(ctx context.Context) (discovery.Answer, error) {
	results := s.resolve(ctx)
	if err := ctx.Err(); err != nil {
		return discovery.Answer{}, err
	}
	a, failed := answer(s.seeds, results)
	if len(failed) > 0 && len(failed) == len(s.seeds) {
		return discovery.Answer{}, discovery.Errorf(classOf(failed), "no seed resolves: %s", strings.Join(a.Warnings, "; "))
	}
	return a, nil
}

func (s *strategy) resolve(ctx context.Context) []result {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	results := make([]result, len(s.seeds))
	slots := make(chan struct{}, lookupsAtOnce)
	var wg sync.WaitGroup
	for i, seed := range s.seeds {
		if seed.addr.IsValid() {
			results[i].addrs = []netip.Addr{seed.addr}
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			addrs, err := s.resolver.LookupNetIP(ctx, "ip", seed.host)
			results[i] = result{addrs, err}
		})
	}
	wg.Wait()
	return results
}
