package node

import (
	"context"

	"github.com/muster-mqtt/muster/discovery"
)

// StrategyTransport is the strategy that has no plugin: the transport itself
// hears of other nodes.
const StrategyTransport = "transport"

// Hearer is a transport that hears of other nodes.
type Hearer interface {
	// Heard returns the addresses of the nodes that were heard lately, or an
	// error while it cannot hear.
	Heard() ([]string, error)
	// Changed has a value when somebody new was heard.
	Changed() <-chan struct{}
}

// FromTransport returns the strategy transport. Its candidates are addresses
// of the transport, which are uids; nobody has verified them.
func FromTransport(h Hearer) Source { return heard{h} }

type heard struct{ hearer Hearer }

var (
	_ Source  = heard{}
	_ Watcher = heard{}
)

func (heard) Name() string { return StrategyTransport }

// Discover returns who was heard lately.
func (h heard) Discover(context.Context) (discovery.Answer, error) {
	addrs, err := h.hearer.Heard()
	if err != nil {
		return discovery.Answer{}, &discovery.Error{Class: discovery.BackendUnavailable, Reason: err.Error()}
	}
	a := discovery.Answer{Completeness: discovery.Complete}
	for _, addr := range addrs {
		a.Candidates = append(a.Candidates, discovery.Candidate{NodeUID: addr})
	}
	return a, nil
}

// Watch tells who is heard whenever somebody new is.
func (h heard) Watch(ctx context.Context, on func(discovery.Answer)) error {
	for {
		if a, err := h.Discover(ctx); err == nil {
			on(a)
		}
		select {
		case <-h.hearer.Changed():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
