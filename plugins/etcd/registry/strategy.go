package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
)

// Bounds of one list of entries.
const (
	pageSize   = 100     // entries of one question: their bounds keep it below maxAnswer
	maxEntries = 10_000  // of an answer, by the contract
	maxBytes   = 4 << 20 // of all keys and entries together; the host takes no more
	maxStrange = 1000    // keys that are told to be no entries
)

// Info describes the plugin. A second configuration takes a new process, so
// that no registration is lost between the two.
func Info(version string) discovery.Info {
	return discovery.Info{
		Name: "etcd", Version: version, ConfigSchema: json.RawMessage(schema),
		Capabilities:    []discovery.Capability{discovery.CanWatch, discovery.CanRegister, discovery.CanClaim},
		SecretPaths:     []string{"password"},
		RestartToReload: true,
	}
}

// New is the discovery.Factory of the etcd strategy. It does not ask etcd,
// which may come up later.
func New(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	c, err := read(s)
	if err != nil {
		return discovery.Configured{}, err
	}
	tls, err := c.tlsConfig()
	if err != nil {
		return discovery.Configured{}, err
	}
	if s.ClusterName == "" {
		return discovery.Configured{}, discovery.InvalidConfig("", "the host names no cluster")
	}
	seen := &vitals{}
	log := s.Logger
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	out := &strategy{
		etcd: newBackend(c, tls, seen), keys: space{c.Prefix, s.ClusterName}, seen: seen, self: s.Self, log: log, ttl: c.ttl,
		turn: make(chan struct{}, 1),
	}
	return discovery.Configured{Strategy: out, Warnings: c.warnings, NormalForm: c.normal()}, nil
}

// strategy is one configured etcd.
type strategy struct {
	etcd *backend
	keys space
	seen *vitals
	self discovery.Self
	log  *slog.Logger
	ttl  time.Duration // node_ttl; 0: what the host asks for

	registrar
	turn chan struct{} // held while the entry is looked at or changed
}

var (
	_ discovery.Strategy       = (*strategy)(nil)
	_ discovery.HealthReporter = (*strategy)(nil)
	_ io.Closer                = (*strategy)(nil)
)

// Discover lists the entries of the cluster, by a linearizable read.
func (s *strategy) Discover(ctx context.Context) (discovery.Answer, error) {
	a, _, err := s.list(ctx)
	return a, err
}

// Health says what the last calls brought.
func (s *strategy) Health(context.Context) (discovery.Health, error) { return s.seen.health(), nil }

// Close ends the renewals and the connection; the entry stays until its lease
// ends.
func (s *strategy) Close() error {
	s.stopKeeping()
	return s.etcd.close()
}

// list returns the entries and the revision at which they stood.
func (s *strategy) list(ctx context.Context) (discovery.Answer, int64, error) {
	var found listing
	for more := true; more; {
		var page *clientv3.GetResponse
		err := s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) (err error) {
			page, err = c.Get(ctx, found.from(s.keys.nodes()), clientv3.WithRange(clientv3.GetPrefixRangeEnd(s.keys.nodes())),
				clientv3.WithLimit(pageSize), clientv3.WithRev(found.revision))
			return err
		})
		if err != nil {
			return discovery.Answer{}, 0, err
		}
		found.add(page, s.keys)
		more = page.More && !found.truncated
	}
	a := found.answer()
	s.seen.warn(a.Warnings)
	return a, found.revision, nil
}

// listing is an answer in the making.
type listing struct {
	revision   int64 // 0: the newest; of the first page then, for all
	last       string
	bytes      int
	truncated  bool
	candidates []discovery.Candidate
	warnings   []string
}

// from is the key at which the next page begins.
func (l *listing) from(first string) string {
	if l.last == "" {
		return first
	}
	return l.last + "\x00"
}

func (l *listing) add(page *clientv3.GetResponse, keys space) {
	if l.revision == 0 {
		l.revision = page.Header.GetRevision()
	}
	for _, kv := range page.Kvs {
		if l.bytes += len(kv.Key) + len(kv.Value); l.bytes > maxBytes || len(l.candidates) == maxEntries {
			l.truncated = true
			return
		}
		l.last = string(kv.Key)
		l.take(kv, keys)
	}
}

// take makes a candidate of an entry, and a warning of what is none. A key
// with another slash is of somebody whose prefix is longer than ours.
func (l *listing) take(kv *mvccpb.KeyValue, keys space) {
	if strings.Contains(keys.nameOf(string(kv.Key)), "/") {
		return
	}
	e, err := decode(kv.Value)
	if err != nil {
		if len(l.warnings) < maxStrange {
			l.warnings = append(l.warnings, fmt.Sprintf("%q is not the entry of a node: %v", kv.Key, err))
		}
		return
	}
	l.candidates = append(l.candidates, e.candidate(kv.ModRevision))
}

func (l *listing) answer() discovery.Answer {
	a := discovery.Answer{
		Candidates: l.candidates, Completeness: discovery.Complete, Truncated: l.truncated,
		SourceRevision: strconv.FormatInt(l.revision, 10), Warnings: l.warnings,
	}
	if l.truncated || len(l.warnings) > 0 {
		a.Completeness = discovery.Partial
	}
	return a
}
