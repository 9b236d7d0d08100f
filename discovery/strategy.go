package discovery

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"
)

// Strategy is a way to find nodes. Its one duty is Discover; what else it
// offers it implements as Watcher, Registrar or Claimer and declares in
// Info.Capabilities. If it is an io.Closer it is closed after its last call.
// All methods may be called concurrently and return within 250 ms of the end
// of their context, leaving nothing behind.
type Strategy interface {
	// Discover asks the source where nodes might be. It filters nothing: not
	// the asking node, not nodes that are not ready. Errors carry a class
	// (Errorf); others count as PluginInternal.
	Discover(ctx context.Context) (Answer, error)
}

// Watcher is a Strategy with WATCH.
type Watcher interface {
	// Watch calls emit with a whole snapshot first and after each change,
	// until ctx ends, emit fails or the source is lost. resume is the mark of
	// the last event seen, empty at first. Heartbeats are sent for it, and
	// snapshots less than 200 ms apart are made into one.
	Watch(ctx context.Context, resume string, emit func(Event) error) error
}

// Registrar is a Strategy with REGISTER.
type Registrar interface {
	// Register enters self at the backend, idempotent by node uid, and keeps
	// the entry renewed until Deregister. It returns the granted ttl.
	Register(ctx context.Context, self Self, ttl time.Duration) (time.Duration, error)
	// Deregister removes the entry; an absent one is no error.
	Deregister(ctx context.Context, nodeUID string) error
}

// Claimer is a Strategy with CLAIM.
type Claimer interface {
	// Claim creates key with value if it is absent and returns the value that
	// stands, whoever proposed it. Linearizable.
	Claim(ctx context.Context, key string, value []byte) ([]byte, error)
	// Unclaim removes key if value stands there, and reports whether it did.
	Unclaim(ctx context.Context, key string, value []byte) (bool, error)
}

// HealthReporter is a Strategy that knows more of its backend than the
// outcome of its last Discover, which is reported for all others.
type HealthReporter interface {
	// Health answers within 1 s, without asking the backend.
	Health(ctx context.Context) (Health, error)
}

// Capability is what a plugin offers beyond Discover.
type Capability uint8

// The capabilities, numbered as on the wire.
const (
	CanWatch    Capability = iota + 1 // the strategy is a Watcher
	CanRegister                       // … a Registrar
	CanClaim                          // … a Claimer
)

// Info describes a plugin; it never changes while the process lives.
type Info struct {
	Name            string // as in cluster.discovery_strategy
	Version         string
	Capabilities    []Capability
	ConfigSchema    json.RawMessage // JSON Schema of the configuration
	SecretPaths     []string        // dotted, never shown
	NeedsClusterKey bool            // Setup.ClusterKey is wanted
	// MinorMin and MinorMax are the minor versions of the contract that the
	// plugin can work with. Serve fills in MinorMax; MinorMin is for a plugin
	// that needs more of its host than minor version 0 has.
	MinorMin, MinorMax uint32
	// RestartToReload: a second configuration needs a new process. Otherwise
	// the Factory is called again and, if it succeeds, its Strategy replaces
	// the old one.
	RestartToReload bool
}

// Setup is what a host hands to a plugin.
type Setup struct {
	Config      json.RawMessage // the subtree cluster.<strategy>, an object
	Self        Self
	ClusterName string
	ClusterKey  []byte // 32 bytes where Info.NeedsClusterKey, else empty
	// Logger ends in the host's log. It is set by Serve, not by the host.
	Logger *slog.Logger
}

// Configured is what a Factory makes of a Setup.
type Configured struct {
	Strategy   Strategy
	Warnings   []string        // things an operator should know
	NormalForm json.RawMessage // the configuration as understood, or nil
}

// Factory checks a whole configuration and builds the strategy for it. It
// returns InvalidConfig for what a human must correct. 10 s at most.
type Factory func(ctx context.Context, s Setup) (Configured, error)
