package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// The groups of `muster help`.
const (
	groupNode    = "node"
	groupCluster = "cluster"
	groupLook    = "look"
	groupOther   = "other"
)

// usageTemplate is the part of the help below the description.
const usageTemplate = `Usage: {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{- if .Aliases}}
Also:  {{range $i, $a := .Aliases}}{{if $i}}, {{end}}{{if $.HasParent}}{{$.Parent.CommandPath}} {{end}}{{$a}}{{end}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- $cmds := .Commands}}
{{- range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if eq .GroupID $group.ID}}
  {{rpad .Name 12}} {{.Short}}{{end}}{{end}}{{end}}
{{- if and .HasAvailableSubCommands (not .Groups)}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name 12}} {{.Short}}{{end}}{{end}}{{end}}
{{- if and .HasAvailableLocalFlags (not .HasAvailableSubCommands)}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" says more about a command.{{end}}
`

// root returns the whole tree of commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "muster",
		Short:             "Many MQTT nodes, one broker",
		Long:              "muster makes many MQTT nodes one broker.",
		Version:           c.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	parent(root)
	root.AddGroup(
		&cobra.Group{ID: groupNode, Title: "Running a node:"},
		&cobra.Group{ID: groupCluster, Title: "Changing the cluster:"},
		&cobra.Group{ID: groupLook, Title: "Looking at it:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	add(root, groupNode, c.start(), c.stop())
	add(root, groupCluster, c.cluster(), c.join())
	add(root, groupLook, c.members(), c.routes(), c.plugins(), c.discovery())
	add(root, groupOther, c.users(), c.epmd(), c.config(), c.version(), c.completion())
	root.SetHelpCommand(c.help())
	root.SetHelpCommandGroupID(groupOther)
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("muster {{.Version}}\n")
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w: see `%s --help`", err, cmd.CommandPath())
	})
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// parent makes cmd a command that only holds others: alone it shows its help,
// with an unknown word after it what there is.
func parent(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help()
		return errUsageShown
	}
}

func unknownCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, cmd := range parent.Commands() {
		if cmd.IsAvailableCommand() || cmd.Name() == "help" {
			names = append(names, append([]string{cmd.Name()}, cmd.Aliases...)...)
		}
	}
	if len(names) == 0 {
		return usagef("%s has no command %q, nor any other", parent.CommandPath(), word)
	}
	return usagef("%s: unknown command %q; there are: %s", parent.CommandPath(), word, strings.Join(names, ", "))
}

// help replaces cobra's own, which does not mind an unknown command.
func (c *cli) help() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(target, append(rest, args...)[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}
