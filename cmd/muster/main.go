// Muster runs a node, and is the command line to one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/muster-mqtt/muster/cmd/internal/cli"
	"github.com/muster-mqtt/muster/cmd/internal/daemon"
	"github.com/muster-mqtt/muster/config"
)

// version is set by the linker (see the Makefile).
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Main(ctx, cli.Invocation{
		Args:    os.Args[1:],
		Environ: os.Environ(),
		Stdin:   os.Stdin,
		Secret:  cli.Terminal(os.Stdin, os.Stderr),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Version: version,
		Load:    daemon.Settings,
		Run: func(ctx context.Context, o cli.StartOptions) error {
			c, err := daemon.Load(o.Source)
			if err != nil {
				return err
			}
			return daemon.Run(ctx, daemon.Options{
				Config: c, Environ: os.Environ(), Version: version, Ready: o.Ready, Log: os.Stderr,
				Reload: func() (*config.Config, error) { return daemon.Load(o.Source) },
			})
		},
	})
	stop()
	os.Exit(status)
}
