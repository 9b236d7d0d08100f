package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal returns the Invocation.Secret of a terminal, which prompts to out;
// nil if in is none. When ctx ends first, the terminal is as it was.
func Terminal(in *os.File, out io.Writer) func(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func(ctx context.Context, prompt string) ([]byte, error) {
		before, err := term.GetState(fd)
		if err != nil {
			return nil, fmt.Errorf("cannot ask at the terminal: %w", err)
		}
		_, _ = io.WriteString(out, prompt)
		defer func() { _, _ = io.WriteString(out, "\n") }()
		type answer struct {
			text []byte
			err  error
		}
		// A read of a terminal cannot be interrupted; it ends with the process.
		done := make(chan answer, 1)
		go func() {
			text, err := term.ReadPassword(fd)
			done <- answer{text, err}
		}()
		select {
		case a := <-done:
			return a.text, a.err
		case <-ctx.Done():
			return nil, fmt.Errorf("interrupted: nothing was changed: %w", cmp.Or(term.Restore(fd, before), ctx.Err()))
		}
	}
}
