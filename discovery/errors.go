package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Class is the kind of a failure; the host acts by it.
type Class uint8

// The classes of discovery.proto, numbered as on the wire. NoClass belongs to
// nil and to a call that its caller cancelled.
const (
	NoClass            Class = iota
	ConfigInvalid            // refused; a human must correct it
	Auth                     // the backend does not accept us
	BackendUnavailable       // down, refused, broken
	Timeout                  // did not answer in time
	RateLimited              // asked too often; see Error.RetryAfter
	SourceNotFound           // NXDOMAIN, no such service
	Conflict                 // the name is held by another uid
	LeaseLost                // a registration has lapsed
	Unsupported              // not offered by this plugin
	PluginInternal           // everything else
)

var classNames = [...]string{
	"", "INVALID_CONFIG", "AUTH", "BACKEND_UNAVAILABLE", "TIMEOUT", "RATE_LIMITED",
	"SOURCE_NOT_FOUND", "CONFLICT", "LEASE_LOST", "UNSUPPORTED", "PLUGIN_INTERNAL",
}

// String returns the name in the contract, such as SOURCE_NOT_FOUND.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "PLUGIN_INTERNAL"
}

// Error is a failure with its class, the same on both sides of the wire.
type Error struct {
	Class      Class
	Path       string        // ConfigInvalid: where, such as seeds[1]
	Reason     string        // one line, without secrets
	RetryAfter time.Duration // RateLimited
	HolderUID  string        // Conflict
	err        error
}

var _ error = (*Error)(nil)

// Error returns class, path and reason.
func (e *Error) Error() string {
	switch {
	case e.Class == NoClass:
		return e.Reason
	case e.Path != "":
		return fmt.Sprintf("%s: %s: %s", e.Class, e.Path, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.Class, e.Reason)
}

// Unwrap returns the cause, if it was given with %w.
func (e *Error) Unwrap() error { return e.err }

// Errorf returns an *Error of the class; %w works as in fmt.Errorf.
func Errorf(class Class, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Class: class, Reason: err.Error(), err: errors.Unwrap(err)}
}

// InvalidConfig says what is wrong at a path of the configuration, in words
// for the person who wrote it.
func InvalidConfig(path, format string, args ...any) error {
	return &Error{Class: ConfigInvalid, Path: path, Reason: fmt.Sprintf(format, args...)}
}

// ClassOf returns the class of err: NoClass for nil and for a cancelled call,
// Timeout for an expired context, PluginInternal for an error without class.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case err == nil:
		return NoClass
	case errors.As(err, &e):
		return e.Class
	case errors.Is(err, context.Canceled):
		return NoClass
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return PluginInternal
}
