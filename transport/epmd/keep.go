package epmd

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// The pause before the next registration doubles between these. A name that
// was taken from the start is tried so often: the mapper may have to notice
// first that the node's earlier run has ended.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
	takenTries = 4
)

// A registration that ends before it has settled is nothing to rely on: the
// pauses go on growing, and after briefTold of them in a row nothing more is
// logged until one has settled.
const (
	settled   = 10 * time.Second
	briefTold = 2
)

// holding is a registration as Keep sees it.
type holding interface {
	Ended() <-chan struct{}
	Close() error
}

var _ holding = (*Registration)(nil)

// Keep registers a node, and again whenever the mapper has ended, until ctx
// ends. What keeps it from being registered is logged once until it changes.
// The error, if any, wraps ErrTaken: another node had the name already when
// this one began.
func (c Client) Keep(ctx context.Context, n Node, log *slog.Logger) error {
	k := keeper{
		register: func(ctx context.Context) (holding, error) { return c.Register(ctx, n) },
		log:      log.With("mapper", c.addr(c.Host), "name", n.Name, "port", n.Port),
		pause:    firstPause,
	}
	return k.run(ctx)
}

// keeper is one call of Keep.
type keeper struct {
	register func(context.Context) (holding, error)
	log      *slog.Logger
	pause    time.Duration
	said     string // the last failure that was logged
	brief    int    // registrations in a row that did not settle
}

func (k *keeper) run(ctx context.Context) error {
	taken := 0
	for ctx.Err() == nil {
		r, err := k.register(ctx)
		if taken++; !errors.Is(err, ErrTaken) {
			taken = takenTries
		} else if taken == takenTries {
			return err
		}
		if err == nil {
			k.hold(ctx, r)
		} else if ctx.Err() == nil {
			k.failed(err)
		}
		select {
		case <-time.After(k.pause):
		case <-ctx.Done():
		}
		k.pause = min(2*k.pause, lastPause)
	}
	return nil
}

func (k *keeper) failed(err error) {
	if err.Error() == k.said {
		return
	}
	k.said = err.Error()
	k.log.Warn("not registered with the port mapper: other nodes do not find this one by its name; trying again", "error", err, "advice", advice(err))
}

// hold waits for the end of a registration.
func (k *keeper) hold(ctx context.Context, r holding) {
	defer r.Close()
	quiet := k.brief >= briefTold
	if !quiet {
		k.registered()
	}
	settles := time.NewTimer(settled)
	defer settles.Stop()
	select {
	case <-r.Ended():
		k.ended()
		return
	case <-ctx.Done():
		return
	case <-settles.C:
	}
	if quiet {
		k.registered()
	}
	k.brief, k.pause = 0, firstPause
	select {
	case <-r.Ended():
		k.log.Warn("the port mapper has ended: this node registers again when it is back")
	case <-ctx.Done():
	}
}

func (k *keeper) registered() {
	k.said = ""
	k.log.Info("registered with the port mapper")
}

// ended tells of a registration that did not settle.
func (k *keeper) ended() {
	switch k.brief = min(k.brief+1, briefTold+1); {
	case k.brief < briefTold:
		k.log.Warn("the port mapper has ended: this node registers again when it is back")
	case k.brief == briefTold:
		k.log.Warn("the port mapper has ended again, soon after it took this node in: other nodes may not find this one by its name; trying less often, and silent until it lasts",
			"advice", "see what ends the mapper, or what closes its connections")
	}
}

func advice(err error) string {
	switch {
	case errors.Is(err, ErrTaken):
		return "stop the other node of that name on this host, or change node.name"
	case errors.Is(err, ErrProtocol):
		return "something else listens there; stop it, or set ERL_EPMD_PORT for all nodes and mappers"
	}
	return "run `epmd -daemon`, or `muster epmd`, on this host"
}
