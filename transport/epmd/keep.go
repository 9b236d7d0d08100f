package epmd

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// The pause after a registration that failed doubles between these. A name that
// was taken from the start is tried so often: the mapper may have to notice
// first that the node's earlier run has ended.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
	takenTries = 4
)

// Keep registers a node, and again whenever the mapper has ended, until ctx
// ends. What keeps it from being registered is logged once until it changes.
// The error, if any, wraps ErrTaken: another node had the name already when
// this one began.
func (c Client) Keep(ctx context.Context, n Node, log *slog.Logger) error {
	pause, said, taken := firstPause, "", 0
	for ctx.Err() == nil {
		r, err := c.Register(ctx, n)
		if taken++; !errors.Is(err, ErrTaken) {
			taken = takenTries
		} else if taken == takenTries {
			return err
		}
		switch {
		case err == nil:
			log.Info("registered with the port mapper", "mapper", c.addr(c.Host), "name", n.Name, "port", n.Port)
			pause, said = firstPause, ""
			select {
			case <-r.Ended():
				log.Warn("the port mapper has ended: this node registers again when it is back", "mapper", c.addr(c.Host))
			case <-ctx.Done():
			}
			_ = r.Close()
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			log.Warn("not registered with the port mapper: other nodes do not find this one by its name; trying again", "error", err, "advice", advice(err))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
	return nil
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
