package pods

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// busyFor is how long a server that is asked too often is left alone when it
// does not say.
const busyFor = 5 * time.Second

// right is what a role must grant for a call.
type right struct {
	verb, group, resource string
}

// String is how a role names it, such as "list endpointslices (discovery.k8s.io)".
func (r right) String() string {
	return fmt.Sprintf("%s %s (%s)", r.verb, r.resource, cmp.Or(r.group, "core"))
}

// asking is a call, as errors tell of it.
type asking struct {
	right     right
	namespace string
	token     string // file
}

// classify gives an error its class and words. ctx is the caller's: a call
// that it gave up is its own business.
func (a asking) classify(ctx context.Context, err error) error {
	var known *discovery.Error
	var status *rest.Status
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.As(err, &status):
		return a.refused(status)
	case errors.Is(err, rest.ErrToken):
		return discovery.Errorf(discovery.Auth, "%w", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, rest.ErrSilent):
		return discovery.Errorf(discovery.Timeout, "the API server did not answer in time: %w", context.DeadlineExceeded)
	}
	return discovery.Errorf(discovery.BackendUnavailable, "the API server: %w", err)
}

// refused tells what a status of HTTP means here.
func (a asking) refused(s *rest.Status) error {
	switch s.Code {
	case http.StatusUnauthorized:
		return discovery.Errorf(discovery.Auth, "the API server does not accept the token in %s (it is read anew for each call): %w", cmp.Or(a.token, "no file"), s)
	case http.StatusForbidden:
		return discovery.Errorf(discovery.Auth, "the service account may not %s in the namespace %s: %w", a.right, a.namespace, s)
	case http.StatusNotFound:
		return discovery.Errorf(discovery.SourceNotFound, "the API server knows no %s in the namespace %s (Kubernetes 1.21 or newer is needed): %w", a.right.resource, a.namespace, s)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return discovery.Errorf(discovery.ConfigInvalid, "the API server does not understand us, most likely the selector: %w", s)
	case http.StatusTooManyRequests:
		out := &discovery.Error{Class: discovery.RateLimited, Reason: s.Error(), RetryAfter: s.RetryAfter}
		out.RetryAfter = cmp.Or(out.RetryAfter, busyFor)
		return out
	case http.StatusGatewayTimeout:
		return discovery.Errorf(discovery.Timeout, "the API server: %w", s)
	}
	return discovery.Errorf(discovery.BackendUnavailable, "the API server: %w", s)
}
