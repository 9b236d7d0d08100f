package registry

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
)

// maxClaim bounds a claim, key and value alike, in bytes.
const maxClaim = 4 << 10

var _ discovery.Claimer = (*strategy)(nil)

// Claim creates the claim of a cluster in one transaction and returns what
// stands. It has no lease: it survives everybody.
func (s *strategy) Claim(ctx context.Context, key string, value []byte) ([]byte, error) {
	if err := claimable(key, value); err != nil {
		return nil, err
	}
	var stands []byte
	at := s.keys.claim(key)
	err := s.etcd.call(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(at), "=", 0)).
			Then(clientv3.OpPut(at, string(value))).Else(clientv3.OpGet(at)).Commit()
		if err != nil {
			return err
		}
		if stands = value; !r.Succeeded {
			stands, err = only(r)
		}
		return err
	})
	return stands, err
}

// Unclaim removes the claim if value stands there, in one transaction.
func (s *strategy) Unclaim(ctx context.Context, key string, value []byte) (bool, error) {
	if err := claimable(key, value); err != nil {
		return false, err
	}
	removed := false
	at := s.keys.claim(key)
	err := s.etcd.callOnce(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(at), ">", 0), clientv3.Compare(clientv3.Value(at), "=", string(value))).
			Then(clientv3.OpDelete(at)).Commit()
		removed = err == nil && r.Succeeded
		return err
	})
	return removed, err
}

func claimable(key string, value []byte) error {
	if key == "" || len(key) > maxClaim || len(value) == 0 || len(value) > maxClaim {
		return discovery.Errorf(discovery.PluginInternal, "a claim has a key and a value of 1 to %d bytes", maxClaim)
	}
	return nil
}

// only returns the value that the other half of a transaction has read.
func only(r *clientv3.TxnResponse) ([]byte, error) {
	if len(r.Responses) == 1 {
		if kvs := r.Responses[0].GetResponseRange().GetKvs(); len(kvs) == 1 {
			return kvs[0].Value, nil
		}
	}
	return nil, discovery.Errorf(discovery.BackendUnavailable, "etcd answers a transaction without the value that it read")
}
