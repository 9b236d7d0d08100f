package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: prove ROOT SLICE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := prove(ctx, os.Args[1], os.Args[2], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(1)
	}
}

// prove runs the slice of that name and keeps its report; without a name it
// lists the slices.
func prove(ctx context.Context, root, name string, out io.Writer) error {
	if name == "" {
		list(out)
		return nil
	}
	for _, s := range slices {
		if s.name == name {
			return keep(ctx, root, s, out)
		}
	}
	return fmt.Errorf("no slice %q; make prove lists them", name)
}

func list(out io.Writer) {
	for _, s := range slices {
		fmt.Fprintf(out, "  make prove SLICE=%-8s %s\n", s.name, s.about)
	}
}

// keep runs a slice and writes its report, also that of a failure: a proof
// that failed is worth more than none.
func keep(ctx context.Context, root string, s slice, out io.Writer) error {
	dir := filepath.Join(root, "docs", "proofs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, failed := run(ctx, root, s, out)
	if err := os.WriteFile(filepath.Join(dir, s.name+".md"), []byte(text), 0o644); err != nil {
		return err
	}
	return failed
}
