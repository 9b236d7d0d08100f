// Package standing makes a fixture of the conformance suite a program, for a
// backend that must run while no verb does: "up" leaves a process behind that
// has the backend in it, the other verbs speak to that process, and "down"
// ends it. It is for Linux.
package standing

import "errors"

// Fixture is a backend as the suite wants it (docs/conformance.md).
type Fixture interface {
	// Do carries out a verb and returns what it prints, a JSON text, or
	// nothing. An error that wraps ErrCannot is an answer: the fixture cannot
	// do that.
	Do(verb string, args ...string) ([]byte, error)
}

// ErrCannot says that a fixture cannot do what it is asked.
var ErrCannot = errors.New("this fixture cannot do that")
