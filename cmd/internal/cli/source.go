package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Source says where a configuration comes from; later parts win.
type Source struct {
	ConfigDir string   // --config-dir
	Files     []string // -c
	Environ   []string // NAME=value
	Set       []string // --set key=value
	Flags     []Flag   // of keys that have a flag of their own
}

// Flag is the value of one key that came by a flag.
type Flag struct {
	Path  string // of the key, such as node.name
	Value string // taken as it is; a list with commas
	Name  string // of the flag, with its dashes
}

// Settings are what the command line needs of a configuration.
type Settings struct {
	DataDir  string
	Entries  []Entry
	Warnings []string
}

// Entry is one effective key.
type Entry struct {
	Path   string `json:"path"`
	Value  string `json:"value"` // secrets masked
	Source string `json:"source"`
}

// keyFlags are the flags that set one key each.
var keyFlags = map[string]string{
	"data-dir": "node.data_dir", "node": "node.name", "bind": "node.bind", "join": "cluster.join",
	"bootstrap-expect": "cluster.bootstrap_expect", "server": "node.role",
}

// fileFlags are the flags that name configuration files.
func fileFlags(f *pflag.FlagSet) {
	f.StringArrayP("config", "c", nil, "read `FILE`; may be repeated, later ones win")
	f.String("config-dir", "", "read the files of `DIR`, in name order, before those of -c")
}

// source gathers what the flags of cmd say, and the environment.
func (c *cli) source(cmd *cobra.Command) Source {
	f := cmd.Flags()
	s := Source{Environ: c.Environ}
	s.ConfigDir, _ = f.GetString("config-dir")
	s.Files, _ = f.GetStringArray("config")
	s.Set, _ = f.GetStringArray("set")
	f.Visit(func(flag *pflag.Flag) { // only those that were given
		if path, ok := keyFlags[flag.Name]; ok {
			s.Flags = append(s.Flags, Flag{Path: path, Value: keyValue(f, flag), Name: "--" + flag.Name})
		}
	})
	return s
}

// keyValue returns what a flag sets its key to.
func keyValue(f *pflag.FlagSet, flag *pflag.Flag) string {
	if flag.Name == "server" {
		return "core"
	}
	if list, err := f.GetStringArray(flag.Name); err == nil {
		return joinComma(list)
	}
	return flag.Value.String()
}
