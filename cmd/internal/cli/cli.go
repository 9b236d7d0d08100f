package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitDone    = 0
	exitRefused = 1 // or failed; one line on stderr says why and what to do
	exitUsage   = 2
)

// Invocation is one call of the command line, with everything that it may
// touch.
type Invocation struct {
	Args    []string // without the program's name
	Environ []string // NAME=value
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Secret asks at the terminal for what is not to be shown; nil: there is
	// no terminal.
	Secret  func(ctx context.Context, prompt string) ([]byte, error)
	Version string
	// Run runs a node until ctx ends or it fails. An error is told to the user
	// as it is: why, and what to do.
	Run func(ctx context.Context, o StartOptions) error
	// Load reads a configuration.
	Load func(Source) (Settings, error)
}

// Main runs one command and returns the exit status of the process.
func Main(ctx context.Context, inv Invocation) int {
	c := &cli{Invocation: inv}
	args, err := normalise(inv.Args)
	if err == nil {
		root := c.root()
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	return c.report(err)
}

// cli holds what the commands share.
type cli struct {
	Invocation
}

// usageError is wrong usage: exit status 2.
type usageError struct{ error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// errUsageShown is wrong usage that the help text has answered already.
var errUsageShown = usageError{errors.New("")}

// noNodeHint follows the error of a command that did not reach its node.
const noNodeHint = ": is it running? `muster start` starts one; --admin, --data-dir or -c say which one is meant"

// report tells an error and returns the exit status that goes with it.
func (c *cli) report(err error) int {
	if err == nil {
		return exitDone
	}
	text := strings.TrimSpace(err.Error())
	if errors.Is(err, admin.ErrNoNode) {
		text += noNodeHint
	}
	if text != "" {
		c.complain(text)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitRefused
}

func (c *cli) complain(text string) { _, _ = fmt.Fprintln(c.Stderr, clean(text)) }

func (c *cli) say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.Stdout, clean(fmt.Sprintf(format, args...)))
}

// getenv returns a variable of the invocation's environment; of several the
// last counts.
func (c *cli) getenv(name string) string {
	value := ""
	for _, entry := range c.Environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// takes checks the number of arguments; max < 0 means any.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n := len(args); n < least || most >= 0 && n > most {
			return usagef("%s: wrong number of arguments, %d; usage: %s", cmd.CommandPath(), n, cmd.UseLine())
		}
		return nil
	}
}
