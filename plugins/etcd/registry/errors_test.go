package registry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/muster-mqtt/muster/discovery"
)

func TestClassify(t *testing.T) {
	dialing := status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`)
	for _, c := range []struct {
		in   error
		want string
	}{
		{nil, "<nil>"},
		{rpctypes.ErrPermissionDenied, "AUTH: etcdserver: permission denied"},
		{rpctypes.ErrGRPCPermissionDenied, "AUTH: etcdserver: permission denied"},
		{rpctypes.ErrGRPCAuthFailed, "AUTH: etcdserver: authentication failed, invalid user ID or password"},
		{rpctypes.ErrGRPCUserEmpty, "AUTH: etcdserver: user name is empty"},
		{rpctypes.ErrGRPCInvalidAuthToken, "AUTH: etcdserver: invalid auth token"},
		{status.Error(codes.Unauthenticated, "who?"), "AUTH: who?"},
		{status.Error(codes.Unavailable, `connection error: desc = "error reading server preface: remote error: tls: certificate required"`),
			"AUTH: error reading server preface: remote error: tls: certificate required"},
		{status.Error(codes.FailedPrecondition, "rpc error: code = PermissionDenied desc = etcdserver: permission denied"),
			"AUTH: rpc error: code = PermissionDenied desc = etcdserver: permission denied"},
		{rpctypes.ErrLeaseNotFound, "LEASE_LOST: etcdserver: requested lease not found"},
		{rpctypes.ErrGRPCRequestTooManyRequests, "RATE_LIMITED: etcdserver: too many requests"},
		{dialing, "BACKEND_UNAVAILABLE: 127.0.0.1:1: connection refused"},
		{rpctypes.ErrGRPCNoLeader, "BACKEND_UNAVAILABLE: etcdserver: no leader"},
		{rpctypes.ErrGRPCNoSpace, "BACKEND_UNAVAILABLE: etcdserver: mvcc: database space exceeded"},
		{rpctypes.ErrGRPCTimeout, "BACKEND_UNAVAILABLE: etcdserver: request timed out"},
		{status.Error(codes.Unimplemented, "unknown service"), "BACKEND_UNAVAILABLE: unknown service"},
		{status.Error(codes.ResourceExhausted, "grpc: received message larger than max"), "BACKEND_UNAVAILABLE: grpc: received message larger than max"},
		{status.Error(codes.Unknown, ""), "BACKEND_UNAVAILABLE: etcd gives no reason"},
		{errors.New("no such host"), "BACKEND_UNAVAILABLE: no such host"},
		{context.DeadlineExceeded, "TIMEOUT: etcd did not answer in time: context deadline exceeded"},
		{status.Error(codes.DeadlineExceeded, "x"), "TIMEOUT: etcd did not answer in time: context deadline exceeded"},
		{discovery.Errorf(discovery.Conflict, "held"), "CONFLICT: held"},
	} {
		if got := fmt.Sprint(classify(t.Context(), c.in)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.in, got, c.want)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := classify(over, dialing); !errors.Is(err, context.Canceled) || discovery.ClassOf(err) != discovery.NoClass {
		t.Errorf("after the caller gave up: %v", err)
	}
	var busy *discovery.Error
	if err := classify(t.Context(), rpctypes.ErrTooManyRequests); !errors.As(err, &busy) || busy.RetryAfter != busyFor {
		t.Errorf("%v", err)
	}
}

func TestVitals(t *testing.T) {
	at := time.Unix(1000, 0)
	down := discovery.Errorf(discovery.BackendUnavailable, "down")
	conflict := discovery.Errorf(discovery.Conflict, "held")
	for _, c := range []struct {
		what     string
		outcomes []error
		want     discovery.BackendState
		last     error
	}{
		{"nothing", nil, discovery.BackendUnknown, nil},
		{"an answer", []error{nil}, discovery.BackendOK, nil},
		{"a failure", []error{nil, down}, discovery.BackendDown, down},
		{"a recovery", []error{down, nil}, discovery.BackendOK, down},
		{"a caller that gave up", []error{nil, context.Canceled}, discovery.BackendOK, nil},
		{"a lease that ended", []error{down, discovery.Errorf(discovery.LeaseLost, "gone")}, discovery.BackendOK, down},
		{"a name that is held", []error{down, conflict}, discovery.BackendOK, conflict},
	} {
		var v vitals
		for i, err := range c.outcomes {
			v.note(err, at.Add(time.Duration(i)*time.Second))
		}
		if h := v.health(); h.Backend != c.want || h.LastError != c.last {
			t.Errorf("%s: %+v", c.what, h)
		}
	}
}

// A watch that does not read its news holds nobody up; the last is in Health.
func TestNewsAreBounded(t *testing.T) {
	var v vitals
	news, end := v.follow()
	defer end()
	for i := range maxNews + 4 {
		v.registration(discovery.RegistrationState(1+i%2), time.Minute, time.Unix(int64(i), 0))
	}
	if len(news) != maxNews || v.missed != 4 {
		t.Errorf("%d news, %d missed", len(news), v.missed)
	}
	v.registration(discovery.RegistrationLost, time.Minute, time.Unix(99, 0)) // as it was
	if h := v.health(); h.Registration.State != discovery.RegistrationLost || h.Registration.Since.Unix() != maxNews+3 {
		t.Errorf("%+v", h.Registration)
	}
	end()
	v.registration(discovery.NotRegistered, 0, time.Unix(100, 0))
	if len(v.followers) != 0 {
		t.Error("a watch that has ended is still told")
	}
}
