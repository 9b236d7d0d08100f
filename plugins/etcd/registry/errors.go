package registry

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/muster-mqtt/muster/discovery"
)

// busyFor is how long an etcd that has too much to do is left alone.
const busyFor = 5 * time.Second

// classes of what etcd says of itself; its codes are too coarse for some.
var classes = []struct {
	err   error
	class discovery.Class
}{
	{rpctypes.ErrAuthFailed, discovery.Auth},
	{rpctypes.ErrUserEmpty, discovery.Auth},
	{rpctypes.ErrUserNotFound, discovery.Auth},
	{rpctypes.ErrInvalidAuthToken, discovery.Auth},
	{rpctypes.ErrInvalidAuthMgmt, discovery.Auth},
	{rpctypes.ErrAuthOldRevision, discovery.Auth},
	{rpctypes.ErrPermissionDenied, discovery.Auth},
	{rpctypes.ErrPermissionNotGranted, discovery.Auth},
	{rpctypes.ErrLeaseNotFound, discovery.LeaseLost},
	{rpctypes.ErrTooManyRequests, discovery.RateLimited},
}

// classify gives an error of etcd's client its class and words. ctx is the
// caller's: a call that it gave up is its own business.
func classify(ctx context.Context, err error) error {
	var known *discovery.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	class := classOf(err)
	if class == discovery.Timeout {
		return discovery.Errorf(class, "etcd did not answer in time: %w", context.DeadlineExceeded)
	}
	out := &discovery.Error{Class: class, Reason: plain(err)}
	if class == discovery.RateLimited {
		out.RetryAfter = busyFor
	}
	return out
}

func classOf(err error) discovery.Class {
	var known *discovery.Error
	if errors.As(err, &known) {
		return known.Class
	}
	text := reasonOf(err)
	for _, c := range classes {
		// A watch that is refused quotes the error within another.
		if strings.HasSuffix(text, rpctypes.ErrorDesc(c.err)) {
			return c.class
		}
	}
	switch code := codeOf(err); {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		code == codes.DeadlineExceeded, code == codes.Canceled:
		return discovery.Timeout // the caller's own end is seen by classify
	case code == codes.Unauthenticated, code == codes.PermissionDenied,
		strings.Contains(text, "remote error: tls:"): // etcd refuses our certificate
		return discovery.Auth
	}
	return discovery.BackendUnavailable
}

func codeOf(err error) codes.Code {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return e.Code()
	}
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return codes.Unknown
}

func reasonOf(err error) string {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return rpctypes.ErrorDesc(e)
	}
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// plain takes the layers of gRPC off a reason, so that it begins with what an
// operator can do something about.
func plain(err error) string {
	text := reasonOf(err)
	if i := strings.LastIndex(text, `desc = "`); i >= 0 {
		text = strings.TrimRight(text[i+len(`desc = "`):], `"`)
	}
	for _, layer := range []string{"transport: ", "Error while dialing: ", "authentication handshake failed: ", "dial tcp "} {
		text = strings.TrimPrefix(text, layer)
	}
	text = strings.Replace(text, ": connect: ", ": ", 1)
	if text == "" {
		text = "etcd gives no reason"
	}
	return text
}
