package pluginhost

import (
	"context"
	"os"

	"github.com/muster-mqtt/muster/discovery"
)

// Life is one life of a plugin: a process, started as a Host starts it, that
// nobody restarts. It is for tools that look at plugins, such as the
// conformance suite. End it with Stop.
type Life struct {
	s   *session
	dir string
}

// Launch starts the plugin and makes the handshake. It asks nothing of it yet:
// that is the caller's, by Client. The error says what to do.
func Launch(ctx context.Context, o Options) (*Life, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Timers = o.Timers.withDefaults()
	dir, err := runDir(o.RunDir, o.Strategy)
	if err == nil {
		err = makeRunDir(dir)
	}
	if err != nil {
		return nil, err
	}
	l := &Life{s: &session{o: &o, log: o.Logger.With("plugin", o.Strategy)}, dir: dir}
	if err = l.s.find(dir); err == nil {
		err = l.s.connect(ctx, dir, &limiter{})
	}
	if err != nil {
		l.Stop(true)
		return nil, err
	}
	return l, nil
}

// Client is the host's end of the contract.
func (l *Life) Client() *discovery.Client { return l.s.client }

// PID is that of the process, which leads a process group of its own.
func (l *Life) PID() int { return l.s.proc.pid() }

// Gone is closed when the process and its group have ended.
func (l *Life) Gone() <-chan struct{} { return l.s.proc.gone }

// Output returns the first lines that the process has printed: its handshake
// and whatever else came on standard output, and what came on standard error.
func (l *Life) Output() (stdout, stderr []string) { return l.s.proc.out.lines() }

// Stop ends the process in order, or at once if hard; in either case within
// Timers.Stop. Nothing of it is left afterwards. It may be called again.
func (l *Life) Stop(hard bool) {
	l.s.stop(hard)
	_ = os.Remove(l.dir) // not empty: another plugin uses it
}
