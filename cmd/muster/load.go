package main

import (
	"github.com/muster-mqtt/muster/cmd/internal/cli"
	"github.com/muster-mqtt/muster/config"
)

// options translates what the command line gathered for package config.
func options(s cli.Source) config.Options {
	o := config.Options{ConfigDir: s.ConfigDir, Files: s.Files, Environ: s.Environ, Set: s.Set}
	for _, f := range s.Flags {
		o.Overrides = append(o.Overrides, config.Override{Path: f.Path, Value: f.Value, Source: "flag " + f.Name})
	}
	return o
}

// load reads a configuration for the commands that only look at it.
func load(s cli.Source) (cli.Settings, error) {
	c, err := config.Load(options(s))
	if err != nil {
		return cli.Settings{}, err
	}
	out := cli.Settings{DataDir: c.Node.DataDir, Warnings: c.Warnings}
	for _, e := range c.Show() {
		out.Entries = append(out.Entries, cli.Entry(e))
	}
	return out, nil
}
