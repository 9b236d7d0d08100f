package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/transport/epmd"
	"github.com/spf13/cobra"
)

const epmdLong = `Serves the protocol of Erlang's port mapper until it gets SIGINT or SIGTERM, for
hosts where no Erlang is installed: nodes with node.port_mapping = epmd register
with it, and other hosts ask it for their ports. One runs on each host; nodes
outlive it and register again when it is back. The flags are those of epmd.`

const epmdExample = `  muster epmd
  muster epmd -names
  muster epmd -port 4370 -address 10.0.0.1`

// namesTime bounds the answer of a mapper.
const namesTime = 5 * time.Second

func (c *cli) epmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "epmd",
		Short:   "Run a port mapper, or list what one knows",
		Long:    epmdLong,
		Example: epmdExample,
		Args:    takes(0, 0),
	}
	f := cmd.Flags()
	port := f.Int("port", 0, "listen on, or ask, port `N` (ERL_EPMD_PORT, else 4369)")
	address := f.String("address", "", "listen on `ADDR` alone, or ask there (every address; 127.0.0.1)")
	names := f.Bool("names", false, "list the nodes that the mapper knows, and end")
	f.SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *port == 0 {
			*port = epmd.Port
			if text := c.getenv("ERL_EPMD_PORT"); text != "" {
				*port, _ = strconv.Atoi(text)
			}
		}
		switch {
		case *port < 1 || *port > 65535:
			return usagef("the port is not a number from 1 to 65535")
		case *names:
			return c.epmdNames(cmd.Context(), epmd.Client{Port: *port}, *address)
		}
		return c.epmdServe(cmd.Context(), net.JoinHostPort(*address, strconv.Itoa(*port)))
	}
	return cmd
}

// epmdNames prints what `epmd -names` does.
func (c *cli) epmdNames(ctx context.Context, client epmd.Client, host string) error {
	ctx, cancel := context.WithTimeout(ctx, namesTime)
	defer cancel()
	nodes, err := client.Names(ctx, host)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w: no port mapper runs there: run `epmd -daemon`, or `muster epmd`", err)
	}
	if err != nil {
		return err
	}
	c.say("epmd: up and running on port %d with data:", client.Port)
	for _, n := range nodes {
		c.say("name %s at port %d", n.Name, n.Port)
	}
	return nil
}

// epmdServe runs the mapper.
func (c *cli) epmdServe(ctx context.Context, addr string) error {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: a port mapper may run already: see `muster epmd -names`", addr)
	}
	if err != nil {
		return err
	}
	c.say("the port mapper listens on %s", ln.Addr())
	return epmd.NewServer(slog.New(slog.NewTextHandler(c.Stderr, nil))).Serve(ctx, ln)
}
