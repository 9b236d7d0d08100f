package daemon

import (
	"errors"
	"fmt"
	"slices"

	"github.com/muster-mqtt/muster/cmd/internal/cli"
	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt/access"
)

// Load reads the configuration that a command line names.
func Load(s cli.Source) (*config.Config, error) {
	o := config.Options{ConfigDir: s.ConfigDir, Files: s.Files, Environ: s.Environ, Set: s.Set}
	for _, f := range s.Flags {
		o.Overrides = append(o.Overrides, config.Override{Path: f.Path, Value: f.Value, Source: "flag " + f.Name})
	}
	c, err := config.Load(o)
	if err != nil {
		return nil, err
	}
	return c, checkRules(c)
}

// maxRuleErrors is how many wrong rules are named.
const maxRuleErrors = 20

// checkRules looks at what the schema does not know the grammar of.
func checkRules(c *config.Config) error {
	const key = "authorization.rules"
	var errs []error
	for i, rule := range c.Access.Rules {
		if err := access.CheckRule(rule); err != nil && len(errs) < maxRuleErrors {
			errs = append(errs, fmt.Errorf("%s: %s: rule %d: %w", sourceOf(c, key), key, i+1, err))
		}
	}
	return errors.Join(errs...)
}

func sourceOf(c *config.Config, key string) string {
	entries := c.Show()
	i := slices.IndexFunc(entries, func(e config.Entry) bool { return e.Path == key })
	if i < 0 {
		return "configuration"
	}
	return entries[i].Source
}

// Settings is Load for the commands that only look.
func Settings(s cli.Source) (cli.Settings, error) {
	c, err := Load(s)
	if err != nil {
		return cli.Settings{}, err
	}
	out := cli.Settings{DataDir: c.Node.DataDir, Warnings: c.Warnings}
	for _, e := range c.Show() {
		out.Entries = append(out.Entries, cli.Entry{Path: e.Path, Value: e.Value, Source: e.Source})
	}
	return out, nil
}
