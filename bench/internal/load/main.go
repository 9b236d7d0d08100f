package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Ready is the first line that a process prints: its clients are connected,
// and subscribed. The second and last is the result: a Sent, a Received, a
// Looped or a Held.
const Ready = `{"ready":true}`

// signals connect a run with whoever directs it.
type signals struct {
	ready func()          // call once, when connected
	start <-chan struct{} // closed: publishers go, subscribers need not wait for ever
}

// errOrphan: the standard input ended, so nobody waits for the result.
var errOrphan = errors.New("the standard input has ended")

// Streams are the standard streams of a process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the generator with the arguments of Options.Args and returns its
// exit status: 0, 1 when the run failed, 2 when the arguments are wrong. It
// prints the line Ready, waits for a line on the standard input, and prints
// its result as one line of JSON. When the standard input ends the run
// is given up, so that no process outlives its director.
//
// The goroutine that reads the standard input may be left behind, blocked, at
// the end: Main is meant to be the end of a process.
func Main(ctx context.Context, args []string, std Streams) int {
	o, err := parse(args, std.Err)
	if err != nil {
		fmt.Fprintln(std.Err, "load:", err)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	result, err := direct(ctx, o, std)
	if err != nil {
		fmt.Fprintln(std.Err, "load:", err)
		return 1
	}
	if err := json.NewEncoder(std.Out).Encode(result); err != nil {
		return 1
	}
	return 0
}

func direct(ctx context.Context, o Options, std Streams) (any, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := signals{ready: func() { fmt.Fprintln(std.Out, Ready) }, start: word(o, std.In, cancel)}
	switch o.Role {
	case Pub:
		return runPublishers(ctx, o, s)
	case Loop:
		return runLoop(ctx, o, s)
	case Hold:
		return runHold(ctx, o, s)
	}
	return runSubscribers(ctx, o, s)
}

// word returns a channel that is closed at the first line of in, and gives the
// run up when in ends.
func word(o Options, in io.Reader, giveUp context.CancelCauseFunc) <-chan struct{} {
	start := make(chan struct{})
	if o.Now {
		close(start)
		return start
	}
	go func() {
		var once sync.Once
		for lines := bufio.NewScanner(in); lines.Scan(); {
			once.Do(func() { close(start) })
		}
		giveUp(errOrphan)
	}()
	return start
}
