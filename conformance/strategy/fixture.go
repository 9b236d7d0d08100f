package strategy

import (
	"context"
	"encoding/json"
	"errors"
)

// Fixture is what the suite needs to know and do about the backend of a
// plugin. One call at a time is made. Each case has an instance of its own.
type Fixture interface {
	// Do carries out a verb with its arguments and returns what Reply says.
	// ErrCannot is wrapped where the fixture has no way to do it; cases that
	// need it are skipped.
	Do(ctx context.Context, verb string, args ...string) (Reply, error)
}

// NewFixture makes a Fixture that keeps everything it has below dir, an empty
// directory of its own that is removed after "down".
type NewFixture func(dir string) (Fixture, error)

// ErrCannot says that a fixture does not know a verb, or not with these
// arguments.
var ErrCannot = errors.New("the fixture cannot do that")

// The verbs of a fixture.
const (
	// Up brings an empty backend up. Its Reply has the Config to begin with.
	Up = "up"
	// Down takes everything away again, whatever state it is in.
	Down = "down"
	// Seed adds the entry given as one argument, the JSON of an Entry.
	Seed = "seed"
	// Remove takes the entry with the uid given away.
	Remove = "remove"
	// Fault switches a fault, "down", "slow", "denied" or "reset", with the
	// second argument "on" or "off"; "reset" happens at once and is over.
	Fault = "fault"
	// Inspect returns in Entries and Claims what the backend holds.
	Inspect = "inspect"
)

// Entry is a node in a backend, as "seed" is told to put one there.
type Entry struct {
	UID   string `json:"uid"`
	Name  string `json:"name"` // name@host
	Host  string `json:"host"` // IP address
	Port  int    `json:"port"`
	Ready bool   `json:"ready"`
}

// Reply is the answer of a fixture, one JSON object. Every field may be absent.
type Reply struct {
	// Config is the configuration that the plugin is to have from now on; a
	// change makes the suite configure it again. Required of "up".
	Config json.RawMessage `json:"config,omitempty"`
	// Bad are configurations that the plugin must refuse.
	Bad []BadConfig `json:"bad,omitempty"`
	// Secrets are texts of Config that must never be seen anywhere.
	Secrets []string `json:"secrets,omitempty"`
	// Traits are what the cases have to take into account; see the constants.
	Traits []string `json:"traits,omitempty"`
	// Entries are the keys of the registrations that the backend holds now,
	// and Claims those of its claims.
	Entries []string `json:"entries,omitempty"`
	Claims  []string `json:"claims,omitempty"`
}

// BadConfig is a configuration that the plugin must refuse as INVALID_CONFIG.
type BadConfig struct {
	Config json.RawMessage `json:"config"`
	Path   string          `json:"path"` // the path that the error names; "" where none does
}

// The traits of a backend.
const (
	// EmptyIsNotFound: an empty backend answers SOURCE_NOT_FOUND, as DNS does.
	EmptyIsNotFound = "empty-is-not-found"
	// NoIdentity: the backend knows addresses only, neither uids nor names.
	NoIdentity = "no-identity"
	// NoReadiness: the backend does not know whether a node is ready.
	NoReadiness = "no-readiness"
	// Own: the plugin's own node is always in the backend or always reported.
	Own = "own"
)
