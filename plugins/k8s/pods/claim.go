package pods

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

const (
	maxClaim   = 4 << 10 // bytes, key and value alike
	maxRaces   = 5       // times that a claim may change while we look at it
	annotation = "muster-mqtt.github.io/cluster"
	encoded    = "base64:" // begins the text of a value that is no text, or begins so itself
)

// lease is an object of the kind Lease (coordination.k8s.io/v1), as a claim
// uses it: nobody renews it, and it never ends.
type lease struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Metadata   leaseMetadata `json:"metadata"`
	Spec       struct {
		HolderIdentity string `json:"holderIdentity"`
	} `json:"spec"`
}

type leaseMetadata struct {
	Name            string            `json:"name"`
	UID             string            `json:"uid,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

var _ discovery.Claimer = (*strategy)(nil)

// Claim creates the claim of a cluster, which the server does for one caller
// only, and returns what stands.
func (s *strategy) Claim(ctx context.Context, key string, value []byte) (stands []byte, err error) {
	if err := claimable(key, value); err != nil {
		return nil, err
	}
	for range maxRaces {
		created := false
		err := s.call(ctx, right{"create", groupLeases, "leases"}, func(ctx context.Context) error {
			call := rest.Call{Method: http.MethodPost, Path: s.leases(), Body: newLease(key, value)}
			err := s.api.Do(ctx, call, nil)
			if status(err) == http.StatusConflict {
				return nil // somebody was first
			}
			created = err == nil
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case created:
			return value, nil
		}
		l, err := s.readClaim(ctx, key)
		if err != nil {
			return nil, err
		}
		if l != nil {
			return l.value(key)
		}
	}
	return nil, racing(key)
}

// Unclaim removes the claim if value stands there. The server compares the
// version, so that nothing can have changed in between.
func (s *strategy) Unclaim(ctx context.Context, key string, value []byte) (removed bool, err error) {
	if err := claimable(key, value); err != nil {
		return false, err
	}
	for range maxRaces {
		l, err := s.readClaim(ctx, key)
		if err != nil || l == nil {
			return false, err
		}
		if stands, err := l.value(key); err != nil || string(stands) != string(value) {
			return false, err
		}
		changed := false
		err = s.call(ctx, right{"delete", groupLeases, "leases"}, func(ctx context.Context) error {
			err := s.api.Do(ctx, rest.Call{Method: http.MethodDelete, Path: s.leases() + "/" + l.Metadata.Name, Body: l.asItIs()}, nil)
			changed = status(err) == http.StatusConflict
			if changed || status(err) == http.StatusNotFound {
				return nil
			}
			removed = err == nil
			return err
		})
		if err != nil || !changed {
			return removed, err
		}
	}
	return false, racing(key)
}

func racing(key string) error {
	return discovery.Errorf(discovery.BackendUnavailable, "the claim of %q changes faster than it can be read", key)
}

// readClaim returns what stands, nil for nothing, by a consistent read.
func (s *strategy) readClaim(ctx context.Context, key string) (l *lease, err error) {
	err = s.call(ctx, right{"get", groupLeases, "leases"}, func(ctx context.Context) error {
		var found lease
		err := s.api.Do(ctx, rest.Call{Path: s.leases() + "/" + leaseName(key)}, &found)
		if status(err) == http.StatusNotFound {
			return nil
		}
		l = &found
		return err
	})
	return l, err
}

func (s *strategy) leases() string { return namespaced(groupLeases, s.source.namespace, "leases") }

// leaseName is where the claim of a cluster stands. A name that Kubernetes
// would not take, or that is too long, is replaced by its hash, after a dot:
// two clusters never meet.
func leaseName(key string) string {
	if isName(key) {
		return "muster-" + key
	}
	sum := sha256.Sum256([]byte(key))
	return "muster." + hex.EncodeToString(sum[:20])
}

func newLease(key string, value []byte) lease {
	l := lease{APIVersion: groupLeases + "/v1", Kind: "Lease", Metadata: leaseMetadata{
		Name:        leaseName(key),
		Labels:      map[string]string{"app.kubernetes.io/managed-by": "muster"},
		Annotations: map[string]string{annotation: key},
	}}
	l.Spec.HolderIdentity = encode(value)
	return l
}

// value returns what was claimed, unless the lease is somebody else's.
func (l *lease) value(key string) ([]byte, error) {
	value, err := decode(l.Spec.HolderIdentity)
	if err != nil || l.Metadata.Annotations[annotation] != key {
		return nil, &discovery.Error{Class: discovery.Conflict, Reason: fmt.Sprintf(
			"the lease %s is not the claim of the cluster %q: remove it, or name the cluster otherwise", l.Metadata.Name, key)}
	}
	return value, nil
}

// asItIs makes a deletion fail if anything has changed (DeleteOptions, meta/v1).
func (l *lease) asItIs() any {
	type object = map[string]any
	return object{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": object{
		"uid": l.Metadata.UID, "resourceVersion": l.Metadata.ResourceVersion,
	}}
}

// encode writes a value so that a person can read it where it is text.
func encode(value []byte) string {
	text := string(value)
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if strings.HasPrefix(text, encoded) || strings.ContainsFunc(text, odd) || strings.TrimSpace(text) != text {
		return encoded + base64.StdEncoding.EncodeToString(value)
	}
	return text
}

func decode(text string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(text, encoded); ok {
		return base64.StdEncoding.DecodeString(rest)
	}
	if text == "" {
		return nil, fmt.Errorf("empty")
	}
	return []byte(text), nil
}

func claimable(key string, value []byte) error {
	if key == "" || len(key) > maxClaim || !utf8.ValidString(key) || len(value) == 0 || len(value) > maxClaim {
		return discovery.Errorf(discovery.PluginInternal, "a claim has a key and a value of 1 to %d bytes, and a key that is text", maxClaim)
	}
	return nil
}
