package registry

import (
	"cmp"
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
)

const (
	defaultTTL = time.Minute // where neither node_ttl nor the host says
	// giveBackTime is what a failed call may take longer: it has a caller.
	giveBackTime = 200 * time.Millisecond
)

var _ discovery.Registrar = (*strategy)(nil)

// registrar holds the entry that is kept, of the one node that we work for.
type registrar struct {
	mu     sync.Mutex
	kept   *keeper // nil: none
	closed bool
}

func (r *registrar) keeping() *keeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept
}

// Register enters the node under its name and keeps it there.
func (s *strategy) Register(ctx context.Context, self discovery.Self, ttl time.Duration) (time.Duration, error) {
	e, err := entryOf(self)
	if err != nil {
		return 0, discovery.Errorf(discovery.PluginInternal, "the node cannot be entered: %w", err)
	}
	ttl = min(max(cmp.Or(s.ttl, ttl, defaultTTL), minTTL), maxTTL)
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	defer s.release()
	k := s.keeping()
	if k != nil && k.ctx.Err() != nil { // a Deregister has failed halfway
		k.end()
		k = nil
	}
	if k != nil && !k.isFor(e, ttl) { // another name or time to live: another key and lease
		if err := s.withdraw(ctx, k); err != nil {
			return 0, err
		}
		k = nil
	}
	if k != nil {
		return k.granted, k.update(ctx, e)
	}
	return s.enter(ctx, e, ttl)
}

// enter starts to keep an entry, if it can be made at all.
func (s *strategy) enter(ctx context.Context, e entry, ttl time.Duration) (time.Duration, error) {
	k, err := newKeeper(s, e, ttl)
	if err != nil {
		return 0, err
	}
	if err = k.step(ctx); err != nil {
		k.cancel()
		s.giveBack(ctx, k.lease)
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		k.cancel()
		return 0, discovery.Errorf(discovery.BackendUnavailable, "the strategy was closed")
	}
	s.kept = k
	go k.run(k.interval(), k.beats)
	return k.granted, nil
}

// giveBack ends a lease that nothing will be kept under, so that tries which
// fail do not gather leases at etcd. One that it cannot end will end by itself.
func (s *strategy) giveBack(ctx context.Context, lease clientv3.LeaseID) {
	if lease == clientv3.NoLease {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	if c, err := s.etcd.connect(ctx); err == nil {
		_, _ = c.Revoke(ctx, lease) // not noted: the reason is the call's own
	}
}

// Deregister takes the entry away, also that of a process before this one.
func (s *strategy) Deregister(ctx context.Context, uid string) error {
	k := s.keeping()
	if k != nil && k.uid == uid {
		k.cancel() // a call of its may hold the turn
	}
	if err := s.take(ctx); err != nil {
		s.seen.registration(discovery.NotRegistered, 0, time.Now())
		return err
	}
	defer s.release()
	if k = s.keeping(); k != nil && k.uid == uid {
		return s.withdraw(ctx, k)
	}
	if uid == s.self.NodeUID && s.self.Name != "" {
		return s.remove(ctx, s.keys.node(s.self.Name), uid)
	}
	return nil
}

// withdraw ends a keeper and removes what it kept. The end of the lease is
// what counts: a put of the keeper's that is still on its way fails after it.
func (s *strategy) withdraw(ctx context.Context, k *keeper) error {
	k.end()
	s.mu.Lock()
	s.kept = nil
	s.mu.Unlock()
	s.seen.registration(discovery.NotRegistered, 0, time.Now())
	err := s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Revoke(ctx, k.lease)
		return err
	})
	if err != nil && discovery.ClassOf(err) != discovery.LeaseLost {
		return err
	}
	return s.remove(ctx, k.key, k.uid)
}

// remove deletes an entry if it is that of the node.
func (s *strategy) remove(ctx context.Context, key, uid string) error {
	return s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Get(ctx, key)
		if err != nil || len(r.Kvs) == 0 {
			return err
		}
		if e, err := decode(r.Kvs[0].Value); err != nil || e.NodeUID != uid {
			return nil // somebody else's
		}
		_, err = c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", r.Kvs[0].ModRevision)).
			Then(clientv3.OpDelete(key)).Commit()
		return err
	})
}

// stopKeeping ends the keeper for good and leaves the entry to its lease.
func (s *strategy) stopKeeping() {
	s.mu.Lock()
	s.closed = true
	k := s.kept
	s.kept = nil
	s.mu.Unlock()
	if k != nil {
		k.end()
	}
}

func (s *strategy) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return classify(ctx, ctx.Err())
	}
}

func (s *strategy) release() { <-s.turn }
