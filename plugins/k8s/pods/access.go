package pods

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// accessTime bounds the look at our own rights: a server that is down must
// not hold up the node.
const accessTime = 3 * time.Second

const groupLeases = "coordination.k8s.io"

// need is a right and what it is for.
type need struct {
	right right
	name  string // of the one object that it is needed for; "" for all
	what  string
}

// needs are the rights that a node of the cluster uses. A role may name the
// one lease that is read and deleted; what is created has no name yet.
func (s *strategy) needs(cluster string) []need {
	claim := leaseName(cluster)
	return []need{
		{s.may("list"), "", "to find the other nodes"},
		{s.may("watch"), "", "to see changes at once"},
		{right{"create", groupLeases, "leases"}, "", "to name the cluster"},
		{right{"get", groupLeases, "leases"}, claim, "to read the name of the cluster"},
		{right{"delete", groupLeases, "leases"}, claim, "for muster discovery unclaim"},
	}
}

// missing asks the server which rights the service account lacks, and says
// for each what it is needed for. A server that does not answer says nothing:
// each later call tells of the right that it lacks.
func (s *strategy) missing(ctx context.Context, cluster string) (out []string) {
	ctx, cancel := context.WithTimeout(ctx, accessTime)
	defer cancel()
	for _, n := range s.needs(cluster) {
		granted, err := s.granted(ctx, n)
		switch {
		case status(err) == http.StatusUnauthorized || errors.Is(err, rest.ErrToken):
			err = s.asking(n.right).classify(ctx, err)
			s.seen.note(err, time.Now())
			return []string{err.Error()}
		case err != nil:
			s.log.Debug("the API server does not tell of our rights", "error", err)
			return out
		case !granted:
			out = append(out, fmt.Sprintf("the service account lacks a right in the namespace %s: %s, %s", s.source.namespace, n.right, n.what))
		}
	}
	return out
}

// granted asks by a SelfSubjectAccessReview (authorization.k8s.io/v1), which
// every account may make.
func (s *strategy) granted(ctx context.Context, n need) (bool, error) {
	type object = map[string]any
	body := object{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": object{"resourceAttributes": object{
			"namespace": s.source.namespace, "verb": n.right.verb, "group": n.right.group, "resource": n.right.resource, "name": n.name,
		}},
	}
	var review struct {
		Kind   string `json:"kind"`
		Status struct {
			Allowed         bool   `json:"allowed"`
			EvaluationError string `json:"evaluationError"`
		} `json:"status"`
	}
	call := rest.Call{Method: http.MethodPost, Path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Body: body}
	if err := s.api.Do(ctx, call, &review); err != nil {
		return false, err
	}
	if review.Kind != "SelfSubjectAccessReview" || review.Status.EvaluationError != "" && !review.Status.Allowed {
		return false, discovery.Errorf(discovery.BackendUnavailable, "no review: %.200s", review.Status.EvaluationError)
	}
	return review.Status.Allowed, nil
}
