package daemon

import (
	"github.com/muster-mqtt/muster/cmd/internal/cli"
	"github.com/muster-mqtt/muster/config"
)

// Load reads the configuration that a command line names.
func Load(s cli.Source) (*config.Config, error) {
	o := config.Options{ConfigDir: s.ConfigDir, Files: s.Files, Environ: s.Environ, Set: s.Set}
	for _, f := range s.Flags {
		o.Overrides = append(o.Overrides, config.Override{Path: f.Path, Value: f.Value, Source: "flag " + f.Name})
	}
	return config.Load(o)
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
