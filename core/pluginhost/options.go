package pluginhost

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// Options describe one plugin and what it is told. Strategy, RunDir and
// Logger are required.
type Options struct {
	Strategy string   // as in cluster.discovery_strategy
	Path     string   // the binary; empty = looked up at each start, see Lookup
	Dir      string   // cluster.plugins.dir; empty = the default places
	SHA256   string   // of the binary, 64 hex digits; empty = not checked
	Args     []string // more arguments; never secrets
	// RunDir holds sockets and copies, in a directory for each strategy that
	// is emptied at the start of Run and removed at its end: one Host at a
	// time for a strategy and a RunDir. One below the system's temporary
	// directory replaces it where its path is too long for a socket.
	RunDir string
	Logger *slog.Logger

	Config      json.RawMessage // cluster.<strategy>, an object
	Self        discovery.Self
	ClusterName string
	ClusterKey  []byte // sent only to a plugin that asks for it
	// RegisterTTL is the lifetime asked for at Register; 0 is 60 s.
	RegisterTTL time.Duration

	Timers Timers
	Rand   *rand.Rand // shortens restarts by 15 to 25 %; used by Run alone; nil = no spreading
}

// Timers are all durations of a Host. A zero one is the default.
type Timers struct {
	Start     time.Duration // 5 s: from exec to the handshake
	Info      time.Duration // 2 s
	Configure time.Duration // 10 s
	Discover  time.Duration // 5 s
	Health    time.Duration // 1 s: the question whether it hangs, too
	Register  time.Duration // 5 s
	Leave     time.Duration // 2 s: of Deregister
	Claim     time.Duration // 5 s: and of Unclaim
	Silence   time.Duration // 30 s: a watch without a heartbeat for so long is lost
	Tend      time.Duration // 5 s: between two looks at the health
	Shutdown  time.Duration // 2 s: of Stop
	Stop      time.Duration // 3 s: then the process group is killed
	Drain     time.Duration // 200 ms: for last words after the process ended
	// Restart are the delays after the first, second, … death of a Window;
	// the last repeats. 0, 1, 2, 4, 5 s.
	Restart []time.Duration
	Window  time.Duration // 60 s
	Retry   time.Duration // 60 s: between tries after maxDeaths in a Window
}

// maxDeaths within a window break the circuit.
const maxDeaths = 10

func (t Timers) withDefaults() Timers {
	t.Start = cmp.Or(t.Start, 5*time.Second)
	t.Info = cmp.Or(t.Info, 2*time.Second)
	t.Configure = cmp.Or(t.Configure, 10*time.Second)
	t.Discover = cmp.Or(t.Discover, 5*time.Second)
	t.Health = cmp.Or(t.Health, time.Second)
	t.Register = cmp.Or(t.Register, 5*time.Second)
	t.Leave = cmp.Or(t.Leave, 2*time.Second)
	t.Claim = cmp.Or(t.Claim, 5*time.Second)
	t.Silence = cmp.Or(t.Silence, 30*time.Second)
	t.Tend = cmp.Or(t.Tend, 5*time.Second)
	t.Shutdown = cmp.Or(t.Shutdown, 2*time.Second)
	t.Stop = cmp.Or(t.Stop, 3*time.Second)
	t.Drain = cmp.Or(t.Drain, 200*time.Millisecond)
	if len(t.Restart) == 0 {
		t.Restart = []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second}
	}
	t.Window = cmp.Or(t.Window, time.Minute)
	t.Retry = cmp.Or(t.Retry, time.Minute)
	return t
}

var strategyName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// check finds what no restart will cure.
func (o Options) check() error {
	if !strategyName.MatchString(o.Strategy) {
		return fmt.Errorf("strategy %q: a name has up to 32 lower-case letters, digits, - and _", o.Strategy)
	}
	if sum, err := hex.DecodeString(o.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
		return fmt.Errorf("cluster.plugins.%s.sha256: %q is not 64 hexadecimal digits", o.Strategy, o.SHA256)
	}
	if o.RunDir == "" || o.Logger == nil {
		return errors.New("pluginhost: RunDir and Logger are required")
	}
	return nil
}
