package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
)

// Pauses of a keeper.
const (
	retryMin = 200 * time.Millisecond // after a failure
	retryMax = 5 * time.Second
	lookMax  = time.Minute // between two looks, however long the lease is
	maxRaces = 5           // tries of one step while others write the same key
)

// errGone says that etcd does not hold the lease of the entry any more.
var errGone = discovery.Errorf(discovery.LeaseLost, "the lease of the entry has ended")

// keeper keeps one entry at etcd: it holds the lease, looks at each renewal
// whether the entry stands, and puts it back when it does not. All but cancel
// and end need the strategy's turn.
type keeper struct {
	s     *strategy
	uid   string
	name  string
	key   string
	value string
	asked time.Duration

	ctx    context.Context // ends with the keeper
	cancel context.CancelFunc
	done   chan struct{} // closed by run

	lease   clientv3.LeaseID // 0: none
	granted time.Duration
	beats   <-chan *clientv3.LeaseKeepAliveResponse // closed when the client gives the lease up; nil: not renewed
	unhold  context.CancelFunc                      // ends the renewal
	stands  bool                                    // the entry was there when we looked last
	okAt    time.Time                               // when that was
}

func newKeeper(s *strategy, e entry, ttl time.Duration) (*keeper, error) {
	value, err := e.encode()
	if err != nil {
		return nil, discovery.Errorf(discovery.PluginInternal, "the node cannot be entered: %w", err)
	}
	k := &keeper{s: s, uid: e.NodeUID, name: e.Name, key: s.keys.node(e.Name), value: value, asked: ttl, done: make(chan struct{})}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k, nil
}

// isFor tells whether an entry can be kept under the same key and lease.
func (k *keeper) isFor(e entry, ttl time.Duration) bool {
	return k.uid == e.NodeUID && k.name == e.Name && k.asked == ttl
}

// update keeps a newer form of the entry.
func (k *keeper) update(ctx context.Context, e entry) error {
	value, err := e.encode()
	if err != nil {
		return discovery.Errorf(discovery.PluginInternal, "the node cannot be entered: %w", err)
	}
	k.value = value
	return k.step(ctx)
}

// end stops the keeper, if run was started, and waits for it.
func (k *keeper) end() {
	k.cancel()
	<-k.done
}

// run is the goroutine of a keeper; pause and beats are those to begin with,
// since it does not have the turn.
func (k *keeper) run(pause time.Duration, beats <-chan *clientv3.LeaseKeepAliveResponse) {
	defer close(k.done)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case _, open := <-beats:
			if !open { // perhaps the lease has ended
				beats = nil
				timer.Reset(retryMin)
			}
			continue
		case <-timer.C:
		}
		if k.s.take(k.ctx) != nil {
			return
		}
		pause = k.interval()
		if err := k.step(k.ctx); err != nil {
			pause = jitter(min(max(k.granted/6, retryMin), retryMax))
		}
		beats = k.beats
		k.s.release()
		timer.Reset(pause)
	}
}

// interval is the time between two looks at an entry that stands.
func (k *keeper) interval() time.Duration { return jitter(min(k.granted/3, lookMax)) }

// jitter spreads the looks of many nodes by a tenth.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1))
}

// step looks once, and says what came of it.
func (k *keeper) step(ctx context.Context) error {
	err := k.ensure(ctx)
	switch {
	case err == nil:
		k.stands, k.okAt = true, time.Now()
		k.s.seen.registration(discovery.Registered, k.granted, k.okAt)
	case discovery.ClassOf(err) == discovery.Conflict:
		k.lost(err)
		k.s.seen.note(err, time.Now())
	case time.Since(k.okAt) > k.granted:
		k.lost(err)
	}
	return err
}

// lost notes that etcd does not hold the entry, or cannot hold it any more.
func (k *keeper) lost(why error) {
	if !k.stands {
		return
	}
	k.stands = false
	k.s.seen.registration(discovery.RegistrationLost, k.granted, time.Now())
	k.s.log.Debug("the entry of the node is lost; it is put back as soon as etcd takes it", "key", k.key, "error", why)
}

// ensure makes the entry stand under a lease that is being renewed.
func (k *keeper) ensure(ctx context.Context) error {
	for range maxRaces {
		if err := k.hold(ctx); err != nil {
			return err
		}
		settled, err := k.put(ctx)
		switch {
		case discovery.ClassOf(err) == discovery.LeaseLost:
			k.lost(err)
			k.drop()
		case err != nil || settled:
			return err
		}
	}
	return discovery.Errorf(discovery.BackendUnavailable, "%s changes faster than it can be written", k.key)
}

// hold gets a lease if there is none, and has the client renew it.
func (k *keeper) hold(ctx context.Context) error {
	return k.s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		if k.lease == clientv3.NoLease {
			r, err := c.Grant(ctx, int64((k.asked+time.Second-1)/time.Second))
			if err != nil {
				return err
			}
			k.lease, k.granted = r.ID, time.Duration(r.TTL)*time.Second
		}
		if k.renewing() {
			return nil
		}
		life, end := context.WithCancel(k.ctx)
		beats, err := c.KeepAlive(life, k.lease)
		if err != nil {
			end()
			return err
		}
		k.beats, k.unhold = beats, end
		return nil
	})
}

// renewing reports whether the client renews the lease; it gives up when the
// lease has ended, or may have.
func (k *keeper) renewing() bool {
	for {
		select {
		case _, open := <-k.beats:
			if !open {
				k.idle()
				return false
			}
		default:
			return k.beats != nil
		}
	}
}

// idle forgets the renewal.
func (k *keeper) idle() {
	if k.unhold != nil {
		k.unhold()
	}
	k.beats, k.unhold = nil, nil
}

// drop forgets a lease that has ended.
func (k *keeper) drop() {
	k.idle()
	k.lease = clientv3.NoLease
}

// put looks at the key and writes it unless it is as it should be. Not
// settled, it is to be called again.
func (k *keeper) put(ctx context.Context) (settled bool, err error) {
	found, settled, err := k.find(ctx)
	if err != nil || settled {
		return settled, err
	}
	revision := int64(0)
	if found != nil {
		revision = found.ModRevision
		err = k.contested(found)
	}
	if k.stands && (found == nil || err != nil) {
		k.lost(errGone)
	}
	if err != nil {
		return false, err
	}
	err = k.s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(k.key), "=", revision)).
			Then(clientv3.OpPut(k.key, k.value, clientv3.WithLease(k.lease))).Commit()
		settled = err == nil && r.Succeeded
		return err
	})
	return settled, err
}

// find returns what stands under the key, nil for nothing; settled, it is the
// entry as it should be.
func (k *keeper) find(ctx context.Context) (found *mvccpb.KeyValue, settled bool, err error) {
	err = k.s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.LeaseValue(k.key), "=", k.lease), clientv3.Compare(clientv3.Value(k.key), "=", k.value)).
			Else(clientv3.OpGet(k.key)).Commit()
		if err != nil || r.Succeeded {
			settled = err == nil
			return err
		}
		if len(r.Responses) == 1 {
			if kvs := r.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
				found = kvs[0]
			}
		}
		return nil
	})
	return found, settled, err
}

// contested is the error for a key that is not ours to write.
func (k *keeper) contested(found *mvccpb.KeyValue) error {
	e, err := decode(found.Value)
	switch {
	case err != nil:
		return &discovery.Error{Class: discovery.Conflict,
			Reason: fmt.Sprintf("what stands at %s is not the entry of a node (%v): remove it", k.key, err)}
	case e.NodeUID != k.uid:
		return &discovery.Error{Class: discovery.Conflict, HolderUID: e.NodeUID,
			Reason: fmt.Sprintf("%s is the entry of the node with uid %s", k.key, e.NodeUID)}
	}
	return nil
}
