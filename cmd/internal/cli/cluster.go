package cli

import (
	"context"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
)

// stopTime is how long `muster stop` waits for the end of the node.
const stopTime = 60 * time.Second

func (c *cli) stop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "End the running node; it keeps its place in the cluster",
		Args:  takes(0, 0),
	}
	return c.asking(cmd, func(r *request) error {
		ctx, cancel := context.WithTimeout(r.cmd.Context(), stopTime)
		defer cancel()
		if err := r.client.Stop(ctx); err != nil {
			return err
		}
		r.say("Stop the node successfully.")
		return nil
	})
}

func (c *cli) cluster() *cobra.Command {
	cmd := &cobra.Command{Use: "cluster", Short: "Join, leave, remove, status"}
	parent(cmd)
	cmd.AddCommand(c.clusterJoin(), c.clusterLeave(), c.clusterForceLeave(), c.clusterStatus())
	return cmd
}

func (c *cli) clusterJoin() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "join NODE",
		Short:   "Move this node into the cluster of any one member",
		Long:    "Moves this node, and no other, into the cluster of NODE: name@host[:port] or\nhost[:port]. Its clients stay connected and keep their subscriptions.",
		Example: "  muster cluster join n1@192.168.0.1",
		Args:    takes(1, 1),
	}
	return c.asking(printing(cmd), func(r *request) error {
		status, err := r.client.Join(r.cmd.Context(), r.args[0])
		if err == nil && !r.json() {
			r.say("Join the cluster successfully.")
		}
		return r.status(status, err)
	})
}

func (c *cli) clusterLeave() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Leave the cluster, and stay out until `muster cluster join`",
		Args:  takes(0, 0),
	}
	return c.asking(printing(cmd), func(r *request) error {
		status, err := r.client.Leave(r.cmd.Context())
		return r.done("Leave the cluster successfully.", status, err)
	})
}

func (c *cli) clusterForceLeave() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "force-leave NODE",
		Aliases: []string{"remove"},
		Short:   "Remove another node, running or not, and keep it out",
		Long:    "Removes NODE, given as name@host, from the cluster, running or not. It stays\nout until an operator runs `muster cluster join` on it.",
		Args:    takes(1, 1),
	}
	return c.asking(printing(cmd), func(r *request) error {
		name, err := core.ParseNodeID(r.args[0])
		if err != nil {
			return usageError{err}
		}
		status, err := r.client.ForceLeave(r.cmd.Context(), name)
		return r.done("Remove the node from cluster successfully.", status, err)
	})
}

func (c *cli) clusterStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which nodes run and which are stopped",
		Args:  takes(0, 0),
	}
	ready := cmd.Flags().Bool("ready", false, "fail unless this node is in a cluster and has its routes")
	return c.asking(printing(cmd), func(r *request) error {
		if *ready {
			if err := r.client.Ready(r.cmd.Context()); err != nil {
				return err
			}
		}
		return r.status(r.client.Cluster(r.cmd.Context()))
	})
}

func (c *cli) join() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join ADDR...",
		Short: "Merge this node's whole cluster with those met at the addresses",
		Long:  "Merges the cluster of this node with those met at the addresses, each\nname@host[:port] or host[:port]. Nobody leaves and no client is dropped.",
		Args:  takes(1, -1),
	}
	return c.asking(printing(cmd), func(r *request) error {
		n, err := r.client.Merge(r.cmd.Context(), r.args)
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(admin.Merged{Contacted: n})
		}
		r.say("Successfully joined cluster by contacting %d nodes.", n)
		return nil
	})
}

// done prints one sentence, or with --json the cluster as it is now.
func (r *request) done(sentence string, status admin.Cluster, err error) error {
	switch {
	case err != nil:
		return err
	case r.json():
		return r.printJSON(status)
	}
	r.say("%s", sentence)
	return nil
}

// status prints a cluster.
func (r *request) status(status admin.Cluster, err error) error {
	switch {
	case err != nil:
		return err
	case r.json():
		return r.printJSON(status)
	}
	r.say("%s", statusLine(status))
	return nil
}
