package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core/admin"
	"github.com/spf13/cobra"
)

func (c *cli) discovery() *cobra.Command {
	cmd := &cobra.Command{Use: "discovery", Short: "Show, test and switch the discovery strategies"}
	parent(cmd)
	cmd.AddCommand(c.discoveryStatus(), c.discoveryTest(), c.discoverySwitch(true), c.discoverySwitch(false), c.discoveryUnclaim())
	return cmd
}

func (c *cli) discoveryStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what each strategy can do and last answered",
		Args:  takes(0, 0),
	}
	return c.asking(printing(cmd), func(r *request) error {
		d, err := r.client.Discovery(r.cmd.Context())
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(d)
		case len(d.Strategies) == 0:
			r.say("There are no plugins: the discovery strategy is manual.")
			return nil
		}
		for _, s := range d.Strategies {
			for _, w := range remarks(s) {
				r.complain("warning: " + s.Name + ": " + w)
			}
		}
		return r.printTable(discoveryTable(d, time.Now()))
	})
}

// remarks are the warnings of the last answer and, where the backend is not
// well, the plugin's notes on why.
func remarks(s admin.Strategy) []string {
	out := slices.Clone(s.Warnings)
	if s.Backend == "ok" {
		return out
	}
	for _, note := range s.Notes {
		if !slices.Contains(out, note) {
			out = append(out, note)
		}
	}
	return out
}

func discoveryTable(d admin.Discovery, now time.Time) [][]string {
	rows := [][]string{{"Strategy", "State", "Backend", "Candidates", "Answered", "Registration", "Can", "Last error"}}
	for _, s := range d.Strategies {
		answered := "never"
		if s.LastAnswer != nil {
			answered = ago(now, *s.LastAnswer)
		}
		failed := ""
		if s.LastErrorAt != nil {
			failed = fmt.Sprintf("%s, %s: %s", s.ErrorClass, ago(now, *s.LastErrorAt), withoutClass(s.LastError, s.ErrorClass))
		}
		can := strings.Join(s.Capabilities, ",")
		if s.Watching {
			can = strings.Replace(can, "watch", "watch (on)", 1)
		}
		rows = append(rows, []string{s.Name, s.State, s.Backend, strconv.Itoa(s.Candidates), answered, s.Registration, can, failed})
	}
	return rows
}

// withoutClass is the text of an error that says its class elsewhere.
func withoutClass(text, class string) string { return strings.TrimPrefix(text, class+": ") }

// ago is an age in whole seconds.
func ago(now, then time.Time) string {
	return max(now.Sub(then), 0).Truncate(time.Second).String() + " ago"
}

func (c *cli) discoveryTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "test STRATEGY",
		Short:   "Ask a strategy once and show its answer; changes nothing",
		Example: "  muster discovery test static",
		Args:    takes(1, 1),
	}
	return c.asking(printing(cmd), func(r *request) error {
		d, err := r.client.TestDiscovery(r.cmd.Context(), r.args[0])
		switch {
		case err != nil:
			return err
		case r.json():
			return r.printJSON(d)
		}
		for _, w := range d.Warnings {
			r.complain("warning: " + w)
		}
		if len(d.Candidates) == 0 {
			r.say("%s knows of no node (%d ms).", d.Strategy, d.Took)
			return nil
		}
		if err := r.printTable(candidatesTable(d)); err != nil {
			return err
		}
		r.say("%s", testSummary(d))
		return nil
	})
}

func candidatesTable(d admin.DiscoveryTest) [][]string {
	rows := [][]string{{"Endpoints", "Name", "UID", "Readiness", "Attributes"}}
	for _, c := range d.Candidates {
		var attributes []string
		for k, v := range c.Attributes {
			attributes = append(attributes, k+"="+v)
		}
		slices.Sort(attributes)
		rows = append(rows, []string{
			endpoints(c.Endpoints), c.Name, c.UID, c.Readiness, strings.Join(attributes, ","),
		})
	}
	return rows
}

// endpoints lists addresses. Port 0 stands for the one that a name has, or the
// usual one, and is left out.
func endpoints(list []string) string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e
		if host, ok := strings.CutSuffix(e, ":0"); ok {
			out[i] = strings.Trim(host, "[]")
		}
	}
	return strings.Join(out, ",")
}

func testSummary(d admin.DiscoveryTest) string {
	what := "there may be more nodes than these"
	if d.Complete {
		what = "these are all that it knows"
	}
	if d.Truncated {
		what = "there are more, which did not fit"
	}
	many := "candidates"
	if len(d.Candidates) == 1 {
		many = "candidate"
	}
	return fmt.Sprintf("%d %s in %d ms; %s.", len(d.Candidates), many, d.Took, what)
}

func (c *cli) discoverySwitch(on bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disable STRATEGY",
		Short: "End the plugin of a strategy until it is enabled, or the node starts again",
		Long: "Ends the plugin of a strategy. The node stays a member and finds nobody new by\n" +
			"this strategy until `muster discovery enable`, or until it is started again.",
		Args: takes(1, 1),
	}
	said := "Disabled discovery strategy %s."
	if on {
		cmd.Use, cmd.Long = "enable STRATEGY", ""
		cmd.Short = "Start the plugin of a strategy now, whatever it waits for"
		said = "Enabled discovery strategy %s."
	}
	return c.asking(cmd, func(r *request) error {
		if err := r.client.SwitchDiscovery(r.cmd.Context(), r.args[0], on); err != nil {
			return err
		}
		r.say(said, r.args[0])
		return nil
	})
}

func (c *cli) discoveryUnclaim() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unclaim",
		Short: "Remove the claim of this node's cluster from its backend",
		Long: "Removes the claim by which the first boot named this cluster at a discovery\n" +
			"backend. The cluster lives on; whoever starts anew under its name claims anew.",
		Args: takes(0, 0),
	}
	return c.asking(cmd, func(r *request) error {
		strategy, err := r.client.Unclaim(r.cmd.Context())
		if err != nil {
			return err
		}
		r.say("Removed the claim of the cluster at %s.", strategy)
		return nil
	})
}
