// Command backed is a strategy with every capability. Its backend is a
// directory: an entry is a file of nodes, a claim one of claims, and a file
// called lost makes it report the registration as lost.
package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

func main() {
	os.Exit(discovery.Serve(discovery.Info{
		Name: "backed", Version: "1.0.0", MinorMin: newer(),
		Capabilities: []discovery.Capability{discovery.CanWatch, discovery.CanRegister, discovery.CanClaim},
	}, configure))
}

// newer is the minor version of the contract that --needs N asks for.
func newer() uint32 {
	if len(os.Args) == 3 && os.Args[1] == "--needs" {
		n, _ := strconv.ParseUint(os.Args[2], 10, 32)
		return uint32(n)
	}
	return 0
}

type backed struct {
	Dir     string
	Refuse  bool // a first Register
	Slow    bool // Register answers only when it is cancelled
	Without bool // what is declared: Claim answers UNIMPLEMENTED
	refused bool
	ttl     atomic.Int64 // that Register has granted
}

func configure(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	b := &backed{}
	return discovery.Configured{Strategy: b}, s.Decode(b)
}

func (b *backed) Discover(context.Context) (discovery.Answer, error) {
	a := discovery.Answer{Completeness: discovery.Complete}
	nodes, err := os.ReadDir(filepath.Join(b.Dir, "nodes"))
	for _, n := range nodes {
		a.Candidates = append(a.Candidates, discovery.Candidate{
			NodeUID: n.Name(), Endpoints: []discovery.Endpoint{{Host: n.Name() + ".test", Port: 1}},
		})
	}
	return a, err
}

func (b *backed) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	a, err := b.Discover(ctx)
	if err != nil {
		return err
	}
	if err := emit(discovery.Event{Snapshot: &a}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (b *backed) Register(ctx context.Context, self discovery.Self, ttl time.Duration) (time.Duration, error) {
	if b.Refuse && !b.refused {
		b.refused = true
		return 0, discovery.Errorf(discovery.BackendUnavailable, "not this time")
	}
	err := os.WriteFile(filepath.Join(b.Dir, "nodes", self.NodeUID), nil, 0o600)
	if b.Slow {
		<-ctx.Done()
	}
	b.ttl.Store(int64(ttl))
	return ttl, err
}

func (b *backed) Deregister(_ context.Context, uid string) error {
	return os.Remove(filepath.Join(b.Dir, "nodes", uid))
}

func (b *backed) Claim(_ context.Context, key string, value []byte) ([]byte, error) {
	if b.Without {
		return nil, discovery.Errorf(discovery.Unsupported, "after all not")
	}
	path := filepath.Join(b.Dir, "claims", key)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(value)
	return value, errors.Join(err, f.Close())
}

func (b *backed) Unclaim(_ context.Context, key string, value []byte) (bool, error) {
	path := filepath.Join(b.Dir, "claims", key)
	stands, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(stands) != string(value) {
		return false, nil
	}
	return err == nil, errors.Join(err, os.Remove(path))
}

func (b *backed) Health(context.Context) (discovery.Health, error) {
	h := discovery.Health{Backend: discovery.BackendOK, Registration: discovery.Registration{
		State: discovery.Registered, TTL: time.Duration(b.ttl.Load()),
	}}
	if _, err := os.Stat(filepath.Join(b.Dir, "lost")); err == nil {
		h.Registration.State = discovery.RegistrationLost
	}
	return h, nil
}
