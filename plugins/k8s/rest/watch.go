package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// maxEvent bounds one event, in bytes; etcd holds no object above 1.5 MB.
	maxEvent = 4 << 20
	// answerTime is how long a server may take to begin a watch.
	answerTime = 5 * time.Second
	// maxSilence is how long a watch may be silent: a server sends a bookmark
	// each minute.
	maxSilence = 150 * time.Second
)

// ErrSilent ends a watch on which nothing has come for too long.
var ErrSilent = errors.New("the watch is silent for too long")

// Event is one change that a watch tells of.
type Event struct {
	Type   string          // ADDED, MODIFIED, DELETED or BOOKMARK
	Object json.RawMessage // the whole object; of a bookmark only its kind and version
}

// Watch calls each with every event until the server ends the watch, which is
// nil, ctx ends or each fails. An event that is an error ends it as a *Status.
// call must ask for a watch.
func (c *Client) Watch(ctx context.Context, call Call, each func(Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(answerTime, func() { cancel(ErrSilent) })
	defer silence.Stop()
	r, err := c.send(ctx, call)
	if err != nil {
		return because(ctx, err)
	}
	defer r.Body.Close()
	silence.Reset(maxSilence)
	return because(ctx, events(r.Body, func(ev Event) error {
		silence.Reset(maxSilence)
		return each(ev)
	}))
}

// because prefers our own reason for the end of a watch.
func because(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrSilent) {
		return ErrSilent
	}
	if err == nil {
		err = ctx.Err() // a server that sees the caller go ends the watch in order
	}
	if err != nil {
		return plain(ctx, err)
	}
	return nil
}

// events reads a stream of events to its end.
func events(body io.Reader, each func(Event) error) error {
	in := &bounded{r: body}
	stream := json.NewDecoder(in)
	for {
		in.left = maxEvent
		var ev Event
		err := stream.Decode(&ev)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			return fmt.Errorf("%w: an event over %d bytes", ErrNonsense, maxEvent)
		case nonsense(err):
			return fmt.Errorf("%w: %w", ErrNonsense, err)
		case err != nil:
			return err
		}
		switch ev.Type {
		case "ADDED", "MODIFIED", "DELETED", "BOOKMARK":
			err = each(ev)
		case "ERROR":
			err = decodeStatus(ev.Object)
		default:
			err = fmt.Errorf("%w: an event of the type %q", ErrNonsense, line(ev.Type))
		}
		if err != nil {
			return err
		}
	}
}

// nonsense reports whether the stream holds what is no JSON, or not ours.
func nonsense(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind)
}

var errTooLong = errors.New("too long")

// bounded reads left bytes at most, until that is set anew.
type bounded struct {
	r    io.Reader
	left int
}

var _ io.Reader = (*bounded)(nil)

// Read fails at the bound, which is no end of what there is to read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
