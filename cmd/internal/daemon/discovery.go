package daemon

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// strategies is what operators see and steer of discovery.
type strategies struct {
	hosts []*pluginhost.Host
	node  interface {
		Unclaim(ctx context.Context) (string, error)
	}
}

var _ admin.Strategies = strategies{}

// The words for the values of the contract.
var (
	capabilityNames = map[discovery.Capability]string{
		discovery.CanWatch: "watch", discovery.CanRegister: "register", discovery.CanClaim: "claim",
	}
	backendNames      = [...]string{"unknown", "ok", "degraded", "down"}
	registrationNames = [...]string{"none", "registered", "lost"}
	readinessNames    = [...]string{"unknown", "ready", "not ready", "terminating"}
)

// word returns a name, or the first for a value that this version does not
// know.
func word(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return names[0]
}

// List asks all plugins at once.
func (s strategies) List(ctx context.Context) []admin.Strategy {
	out := make([]admin.Strategy, len(s.hosts))
	var all sync.WaitGroup
	for i, h := range s.hosts {
		all.Go(func() { out[i] = strategyRow(h.Fresh(ctx)) })
	}
	all.Wait()
	return out
}

func strategyRow(s pluginhost.Status) admin.Strategy {
	row := admin.Strategy{
		Name: s.Strategy, State: string(s.State), Capabilities: []string{}, Watching: s.Watching,
		Candidates: s.Candidates, LastAnswer: known(s.LastAnswer), LastError: s.LastError, LastErrorAt: known(s.LastErrorAt),
		ErrorClass: className(s), Warnings: s.Warnings, Notes: s.Health.Notes,
		Backend:      word(backendNames[:], int(s.Health.Backend)),
		Registration: word(registrationNames[:], int(s.Registered.State)),
	}
	for _, c := range s.Capabilities {
		row.Capabilities = append(row.Capabilities, cmp.Or(capabilityNames[c], fmt.Sprint(c)))
	}
	return row
}

func className(s pluginhost.Status) string {
	if s.LastError == "" {
		return ""
	}
	return s.LastErrorClass.String()
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s strategies) find(strategy string) (*pluginhost.Host, error) {
	for _, h := range s.hosts {
		if h.Name() == strategy {
			return h, nil
		}
	}
	return nil, fmt.Errorf("%q is no discovery strategy of this node", strategy)
}

func (s strategies) Test(ctx context.Context, strategy string) (admin.DiscoveryTest, error) {
	h, err := s.find(strategy)
	if err != nil {
		return admin.DiscoveryTest{}, err
	}
	began := time.Now()
	a, err := h.Try(ctx)
	if err != nil {
		return admin.DiscoveryTest{}, fmt.Errorf("strategy %s: %w", strategy, err)
	}
	out := admin.DiscoveryTest{
		Strategy: strategy, Took: admin.Millis(time.Since(began).Milliseconds()),
		Complete: a.Completeness == discovery.Complete, Truncated: a.Truncated, Warnings: a.Warnings,
	}
	for _, c := range a.Candidates {
		row := admin.Candidate{
			Name: c.ClaimedName, UID: c.NodeUID, Readiness: word(readinessNames[:], int(c.Readiness)), Attributes: c.Attributes,
		}
		for _, e := range c.Endpoints {
			row.Endpoints = append(row.Endpoints, e.String())
		}
		out.Candidates = append(out.Candidates, row)
	}
	return out, nil
}

func (s strategies) Switch(strategy string, on bool) error {
	h, err := s.find(strategy)
	switch {
	case err != nil:
		return err
	case on:
		h.Enable()
	default:
		h.Disable()
	}
	return nil
}

func (s strategies) Unclaim(ctx context.Context) (string, error) { return s.node.Unclaim(ctx) }
