package discovery

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// maxReason bounds an error text on the wire, in bytes: it travels in a
// header, which gRPC limits.
const maxReason = 1024

var classCodes = [...]codes.Code{
	ConfigInvalid:      codes.InvalidArgument,
	Auth:               codes.Unauthenticated,
	BackendUnavailable: codes.Unavailable,
	Timeout:            codes.DeadlineExceeded,
	RateLimited:        codes.ResourceExhausted,
	SourceNotFound:     codes.NotFound,
	Conflict:           codes.AlreadyExists,
	LeaseLost:          codes.FailedPrecondition,
	Unsupported:        codes.Unimplemented,
	PluginInternal:     codes.Internal,
}

// toStatus makes the gRPC form of an error: the code of its class and an
// ErrorDetail.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	class := ClassOf(err)
	if class == NoClass {
		return status.Error(codes.Canceled, clean(err.Error(), maxReason))
	}
	if int(class) >= len(classCodes) {
		class = PluginInternal
	}
	detail := &v1.ErrorDetail{Class: v1.ErrorClass(class), Reason: clean(err.Error(), maxReason)}
	var e *Error
	if errors.As(err, &e) {
		detail.Path = clean(e.Path, maxText)
		detail.Reason = clean(e.Reason, maxReason)
		detail.HolderUid = clean(e.HolderUID, maxText)
		if e.RetryAfter > 0 {
			detail.RetryAfter = durationpb.New(e.RetryAfter)
		}
	}
	st := status.New(classCodes[class], detail.Reason)
	if with, err := st.WithDetails(detail); err == nil {
		st = with
	}
	return st.Err()
}

// fromStatus is the other direction, for whatever a plugin answers.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, _ := status.FromError(err)
	if st.Code() == codes.Canceled {
		return &Error{Class: NoClass, Reason: "the call was cancelled", err: context.Canceled}
	}
	e := &Error{Class: classOfCode(st), Reason: clean(st.Message(), maxReason), err: err}
	for _, d := range st.Details() {
		if detail, ok := d.(*v1.ErrorDetail); ok {
			e.take(detail)
			break
		}
	}
	if e.Class == Timeout {
		e.err = context.DeadlineExceeded
	}
	return e
}

func (e *Error) take(d *v1.ErrorDetail) {
	if c := d.GetClass(); c > 0 && c <= v1.ErrorClass(PluginInternal) {
		e.Class = Class(c)
	}
	if d.GetReason() != "" {
		e.Reason = clean(d.GetReason(), maxReason)
	}
	e.Path = clean(d.GetPath(), maxText)
	e.HolderUID = clean(d.GetHolderUid(), maxText)
	e.RetryAfter = positive(d.GetRetryAfter())
}

func classOfCode(st *status.Status) Class {
	switch st.Code() {
	case codes.PermissionDenied:
		return Auth
	case codes.ResourceExhausted:
		// gRPC uses the same code for an answer over the receive limit, which
		// is the plugin's fault and no reason to ask less often.
		if strings.HasPrefix(st.Message(), "grpc: ") {
			return PluginInternal
		}
	}
	for class, code := range classCodes {
		if class > 0 && code == st.Code() {
			return Class(class)
		}
	}
	return PluginInternal
}
