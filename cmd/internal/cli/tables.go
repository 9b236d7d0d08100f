package cli

import (
	"strconv"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
)

func (c *cli) members() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "members",
		Short: "Show every node and its state",
		Args:  takes(0, 0),
	}
	cmd.Flags().Bool("detailed", false, "show uid, incarnation and times too")
	return c.asking(printing(cmd), func(r *request) error {
		members, err := r.client.Members(r.cmd.Context())
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(members)
		}
		detailed, _ := r.cmd.Flags().GetBool("detailed")
		return r.printTable(membersTable(members, detailed))
	})
}

func membersTable(members admin.Members, detailed bool) [][]string {
	header := []string{"Node", "Address", "Status", "Type", "Build", "Protocol", "DC"}
	if detailed {
		header = append(header, "UID", "Incarnation", "Joined", "Since")
	}
	rows := [][]string{header}
	for _, m := range members.Members {
		row := []string{
			string(m.Name), m.Address, m.Status, memberType(m.Role), m.Build, strconv.Itoa(int(m.Protocol)), m.Datacenter,
		}
		if detailed {
			row = append(row, m.UID.String(), strconv.FormatUint(uint64(m.Incarnation), 10), when(m.Joined), when(m.Since))
		}
		rows = append(rows, row)
	}
	return rows
}

// memberType is the older word for a role.
func memberType(role string) string {
	if role == "core" {
		return "server"
	}
	return role
}

func when(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (c *cli) routes() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "routes [TOPIC]",
		Short:   "Show the route table, or where a topic goes and why",
		Long:    "Shows which node has sessions that subscribe with which filter; with TOPIC only\nthe routes that a message published there takes.",
		Example: "  muster routes\n  muster routes sensors/42/temperature",
		Args:    takes(0, 1),
	}
	cmd.Flags().Int("limit", 1000, "show at most `N` routes")
	return c.asking(printing(cmd), func(r *request) error {
		routes, err := r.fetchRoutes()
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(routes)
		}
		return r.printRoutes(routes)
	})
}

func (r *request) fetchRoutes() (admin.Routes, error) {
	limit, _ := r.cmd.Flags().GetInt("limit")
	if limit < 1 {
		return admin.Routes{}, usagef("--limit %d: give at least 1", limit)
	}
	if len(r.args) == 0 {
		return r.client.Routes(r.cmd.Context(), limit)
	}
	topic := core.Topic(r.args[0])
	if err := topic.Check(); err != nil {
		return admin.Routes{}, usagef("topic %q: %w", topic, err)
	}
	return r.client.RoutesOf(r.cmd.Context(), topic, limit)
}

func (r *request) printRoutes(routes admin.Routes) error {
	if routes.Total == 0 && len(r.args) > 0 {
		r.say("Nobody subscribes to %s.", r.args[0])
		return nil
	}
	rows := [][]string{{"Filter", "Node"}}
	for _, route := range routes.Routes {
		rows = append(rows, []string{string(route.Filter), string(route.Node)})
	}
	if err := r.printTable(rows); err != nil {
		return err
	}
	if more := routes.Total - len(routes.Routes); more > 0 {
		r.say("and %d more: see --limit", more)
	}
	return nil
}

func (c *cli) plugins() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugins",
		Short: "Show the plugin processes",
		Args:  takes(0, 0),
	}
	return c.asking(printing(cmd), func(r *request) error {
		plugins, err := r.client.Plugins(r.cmd.Context())
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(plugins)
		case len(plugins.Plugins) == 0:
			r.say("There are no plugins: the discovery strategy is manual.")
			return nil
		}
		return r.printTable(pluginsTable(plugins))
	})
}

func pluginsTable(plugins admin.Plugins) [][]string {
	rows := [][]string{{"Strategy", "PID", "Version", "State", "Restarts", "Last error"}}
	for _, p := range plugins.Plugins {
		pid := ""
		if p.PID > 0 {
			pid = strconv.Itoa(p.PID)
		}
		failed := p.LastError
		if p.ErrorClass != "" {
			failed = p.ErrorClass + ": " + withoutClass(failed, p.ErrorClass)
		}
		rows = append(rows, []string{p.Strategy, pid, p.Version, p.State, strconv.FormatUint(p.Restarts, 10), failed})
	}
	return rows
}
