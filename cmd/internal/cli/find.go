package cli

import (
	"path/filepath"

	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
)

// asking makes cmd one that asks a node: it takes the flags that say which,
// and run gets a client for it.
func (c *cli) asking(cmd *cobra.Command, run func(*request) error) *cobra.Command {
	f := cmd.Flags()
	f.String("admin", "", "ask the node at `ADDR`, a unix path or an http URL (MUSTER_ADMIN)")
	f.String("data-dir", "", "ask the node whose data directory is `DIR`")
	fileFlags(f)
	f.SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target, err := c.target(cmd)
		if err != nil {
			return err
		}
		client, err := admin.NewClient(target)
		if err != nil {
			return usageError{err}
		}
		defer client.Close()
		return run(&request{cli: c, cmd: cmd, args: args, client: client})
	}
	return cmd
}

// printing adds --json to a command that prints data.
func printing(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("json", false, "print JSON")
	return cmd
}

// request is one call of a command that asks a node.
type request struct {
	*cli
	cmd    *cobra.Command
	args   []string
	client *admin.Client
}

// json reports whether --json was given.
func (r *request) json() bool {
	on, _ := r.cmd.Flags().GetBool("json")
	return on
}

// target returns where the node is. A flag goes before the environment, so
// that no command reaches another node than the one that its line names.
func (c *cli) target(cmd *cobra.Command) (string, error) {
	f := cmd.Flags()
	if f.Changed("admin") {
		return f.GetString("admin")
	}
	if dir, _ := f.GetString("data-dir"); f.Changed("data-dir") {
		return filepath.Join(dir, admin.SocketName), nil
	}
	if env := c.getenv("MUSTER_ADMIN"); env != "" {
		return env, nil
	}
	settings, err := c.Load(c.source(cmd))
	if err != nil {
		return "", err
	}
	return filepath.Join(settings.DataDir, admin.SocketName), nil
}
