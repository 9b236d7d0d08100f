package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/discovery"
)

// Claimer is a Source that may be able to name the cluster at its backend
// (PLUGINS.md, "Forming", rule (3)).
type Claimer interface {
	// Offers reports whether the strategy said that it has a capability.
	Offers(c discovery.Capability) bool
	// Claim creates key with value if it is absent and returns what stands.
	Claim(ctx context.Context, key string, value []byte) ([]byte, error)
	// Unclaim removes key if value stands there, and reports whether it did.
	Unclaim(ctx context.Context, key string, value []byte) (bool, error)
}

// claimValue is what stands under the cluster's name at a backend, as JSON,
// so that an operator can read it there. It is written once and never changes.
type claimValue struct {
	Cluster core.UID   `json:"cluster_uid"`
	Founded core.Stamp `json:"founded"` // cluster time at the proposal
}

func encodeClaim(c core.Cluster) []byte {
	b, _ := json.Marshal(claimValue{c.UID, c.Founded}) // cannot fail: a text and a number
	return b
}

// decodeClaim reads what stands at a backend; anybody may have put it there.
func decodeClaim(b []byte) (core.Cluster, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var v claimValue
	if err := d.Decode(&v); err != nil || d.More() {
		return core.Cluster{}, fmt.Errorf("what stands as the cluster's claim is none: %.100q", b)
	}
	if v.Cluster.IsZero() || v.Founded == 0 || v.Founded > core.MaxStamp {
		return core.Cluster{}, fmt.Errorf("the cluster's claim has no uid or no time: %.100q", b)
	}
	return core.Cluster{UID: v.Cluster, Claimed: true, Founded: v.Founded}, nil
}

// claimer returns the first strategy that offers CLAIM; the order of the
// configuration makes every node ask the same one.
func (n *Node) claimer() (Claimer, string) {
	for _, src := range n.opts.Sources {
		if c, ok := src.(Claimer); ok && c.Offers(discovery.CanClaim) {
			return c, src.Name()
		}
	}
	return nil, ""
}

// claims is a goroutine that makes one try: whatever the backend answers
// names the cluster, whoever proposed it.
func (n *Node) claims() {
	stands, err := n.propose()
	n.mu.Lock()
	defer n.release()
	n.form.search.Claimed(n.now(), stands) // zero if it failed
	n.form.poke()
	if err == nil {
		return
	}
	if why := oneLine(err); why != n.form.claimErr && !errors.Is(err, context.Canceled) {
		n.form.claimErr = why
		n.log.Warn("the cluster could not be claimed; trying again", "error", why)
	}
}

func (n *Node) propose() (core.Cluster, error) {
	claimer, name := n.claimer()
	if claimer == nil {
		return core.Cluster{}, errors.New("no strategy offers a claim any more")
	}
	uid, err := core.NewUID(rand.Reader)
	if err != nil {
		return core.Cluster{}, err
	}
	n.mu.Lock()
	mine := core.Cluster{UID: uid, Claimed: true, Founded: n.stamp()}
	n.mu.Unlock()
	stands, err := claimer.Claim(n.ctx, n.opts.ClusterName, encodeClaim(mine))
	if err != nil {
		return core.Cluster{}, fmt.Errorf("strategy %s: %w", name, err)
	}
	c, err := decodeClaim(stands)
	if err != nil {
		return core.Cluster{}, fmt.Errorf("strategy %s: %w", name, err)
	}
	n.log.Info("claimed", "strategy", name, "cluster", c.UID, "ours", c == mine)
	return c, nil
}

// Unclaim removes the claim of the node's own cluster from the backend, and
// returns the strategy that held it. The cluster lives on; the next first boot
// under its name claims anew.
func (n *Node) Unclaim(ctx context.Context) (strategy string, err error) {
	claimer, name := n.claimer()
	if claimer == nil {
		return "", errors.New("no strategy of this node offers a claim")
	}
	n.mu.Lock()
	c := n.cluster
	n.mu.Unlock()
	if !c.Claimed {
		return "", errors.New("this node is in no cluster that was claimed: run it on a member of the cluster whose claim is to go")
	}
	removed, err := claimer.Unclaim(ctx, n.opts.ClusterName, encodeClaim(c))
	if err != nil {
		return "", fmt.Errorf("strategy %s: %w", name, err)
	}
	if !removed {
		return "", fmt.Errorf("strategy %s: nothing removed: the claim is gone, or is that of another cluster", name)
	}
	n.log.Info("unclaimed", "strategy", name, "cluster", c.UID)
	return name, nil
}
