package pods

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// callTime bounds a call, pages included. The host waits 5 s; our own error
// comes before that and says more than its deadline would.
const callTime = 4500 * time.Millisecond

// Info describes the plugin. A second configuration takes effect in the same
// process: nothing is registered that could be lost between the two.
func Info(version string) discovery.Info {
	return discovery.Info{
		Name: "k8s", Version: version, ConfigSchema: json.RawMessage(schema),
		Capabilities: []discovery.Capability{discovery.CanWatch, discovery.CanClaim},
	}
}

// New is the discovery.Factory of the k8s strategy. It asks the API server
// what the service account may do, and tells of each right that is missing;
// a server that does not answer may come up later.
func New(ctx context.Context, s discovery.Setup) (discovery.Configured, error) {
	c, err := read(s, account)
	if err != nil {
		return discovery.Configured{}, err
	}
	log := s.Logger
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	out := newStrategy(c, log)
	missing := out.missing(ctx, s.ClusterName)
	out.seen.notes = missing
	return discovery.Configured{Strategy: out, Warnings: append(c.warnings, missing...), NormalForm: c.normal()}, nil
}

func newStrategy(c settings, log *slog.Logger) *strategy {
	api := rest.New(rest.Options{Server: c.server, TokenFile: c.TokenFile, CAFile: c.CACertFile})
	return &strategy{
		api: api, source: newSource(api, c), token: c.TokenFile, log: log, life: watchLife,
		names: namer{addressType: c.AddressType, namespace: c.Namespace, suffix: c.Suffix, app: c.AppName},
	}
}

// strategy is one configured namespace.
type strategy struct {
	api    *rest.Client
	source *source
	names  namer
	token  string // file
	seen   vitals
	log    *slog.Logger
	life   time.Duration // of one watch at the API server
}

var (
	_ discovery.Strategy       = (*strategy)(nil)
	_ discovery.HealthReporter = (*strategy)(nil)
	_ io.Closer                = (*strategy)(nil)
)

// Discover lists the collection as it is now, by a consistent read.
func (s *strategy) Discover(ctx context.Context) (discovery.Answer, error) {
	_, a, err := s.list(ctx)
	return a, err
}

// list is Discover, and what a watch goes on from.
func (s *strategy) list(ctx context.Context) (l listing, a discovery.Answer, err error) {
	err = s.call(ctx, s.may("list"), func(ctx context.Context) (err error) {
		if l, err = s.source.list(ctx); err == nil {
			a, err = s.source.answer(l, s.names)
		}
		return err
	})
	if err == nil {
		s.seen.warn(a.Warnings)
	}
	return l, a, err
}

// call asks within ctx and callTime, and keeps the outcome for Health.
func (s *strategy) call(ctx context.Context, r right, ask func(context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := s.asking(r).classify(ctx, ask(within))
	s.seen.note(err, time.Now())
	return err
}

func (s *strategy) asking(r right) asking {
	return asking{right: r, namespace: s.source.namespace, token: s.token}
}

// may is the right to do something with the collection.
func (s *strategy) may(verb string) right {
	return right{verb, s.source.group, s.source.resource}
}

// Health says what the last calls brought.
func (s *strategy) Health(context.Context) (discovery.Health, error) { return s.seen.health(), nil }

// Close ends the connections.
func (s *strategy) Close() error {
	s.api.Close()
	return nil
}

// status returns the code of HTTP by which a call was refused, else 0.
func status(err error) int {
	var s *rest.Status
	if errors.As(err, &s) {
		return s.Code
	}
	return 0
}
