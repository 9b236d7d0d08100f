package cli

import (
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// StartOptions are what `muster start` hands to Run.
type StartOptions struct {
	Source Source
	// Ready is to be called once, when the node serves, with the line that
	// tells its name, cluster port, MQTT listeners, admin address and cluster
	// state.
	Ready func(line string)
}

const startLong = `Runs a node in the foreground until it gets SIGINT or SIGTERM, or until
"muster stop". One line on standard output says when it is ready; its log goes
to standard error.

Configuration: built-in defaults, then the files of --config-dir, then those of
-c, then the environment (MUSTER_NODE__NAME=a@h sets node.name), then flags.`

const startExample = `  muster start
  muster start --node n2@127.0.0.1 --data-dir data2 --join n1@127.0.0.1
  muster start -c /etc/muster/muster.conf --detach`

func (c *cli) start() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "start",
		Aliases: []string{"agent"},
		Short:   "Run a node (also: agent)",
		Long:    startLong,
		Example: startExample,
		Args:    takes(0, 0),
		RunE:    c.runStart,
	}
	f := cmd.Flags()
	fileFlags(f)
	f.String("data-dir", "", "keep everything in `DIR` (node.data_dir)")
	f.String("node", "", "be called `NAME`, as name@host (node.name)")
	f.String("bind", "", "await other nodes on `ADDR` (node.bind)")
	f.StringArray("join", nil, "join the cluster of the node at `ADDR`, tried for ever; may be repeated (cluster.join)")
	f.Int("bootstrap-expect", 0, "found the cluster when `N` nodes have met (cluster.bootstrap_expect)")
	f.Bool("server", false, "be a node of role core, which is the default (node.role)")
	f.StringArray("set", nil, "set any key, as `KEY=VALUE`; may be repeated")
	f.Bool("detach", false, "return when the node is ready and leave it running; it logs to muster.log in its data directory")
	f.Int("ready-fd", 0, "")
	_ = f.MarkHidden("ready-fd")
	f.SortFlags = false
	return cmd
}

func (c *cli) runStart(cmd *cobra.Command, _ []string) error {
	f := cmd.Flags()
	if server, _ := f.GetBool("server"); f.Changed("server") && !server {
		return usagef("--server=false: set node.role instead")
	}
	if join, _ := f.GetStringArray("join"); f.Changed("join") && (len(join) == 0 || slices.Contains(join, "")) {
		return usagef("--join: empty: give name@host[:port] or host[:port]")
	}
	source := c.source(cmd)
	if detach, _ := f.GetBool("detach"); detach {
		return c.detach(cmd, source)
	}
	fd, _ := f.GetInt("ready-fd")
	if fd > 2 {
		syscall.CloseOnExec(fd) // the parent must see its end when we end, whatever we started
	}
	var once sync.Once
	return c.Run(cmd.Context(), StartOptions{Source: source, Ready: func(line string) {
		once.Do(func() { c.ready(fd, line) })
	}})
}

// ready tells that the node serves: to the parent that waits behind fd, or to
// the user.
func (c *cli) ready(fd int, line string) {
	if fd <= 2 {
		c.say("%s", line)
		return
	}
	pipe := os.NewFile(uintptr(fd), "ready")
	_, _ = pipe.WriteString(clean(line) + "\n")
	_ = pipe.Close()
}

func joinComma(list []string) string { return strings.Join(list, ",") }
