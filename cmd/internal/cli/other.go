package cli

import (
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) version() *cobra.Command {
	cmd := printing(&cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  takes(0, 0),
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if on, _ := cmd.Flags().GetBool("json"); on {
			return c.printJSON(map[string]string{"version": c.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
		}
		c.say("muster %s (%s, %s/%s)", c.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
	return cmd
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (c *cli) completion() *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a completion script for bash, zsh, fish or powershell",
		Example:   "  muster completion bash > /etc/bash_completion.d/muster",
		ValidArgs: shells,
		Args:      takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(c.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(c.Stdout)
			case "fish":
				return root.GenFishCompletion(c.Stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(c.Stdout)
			}
			return usagef("unknown shell %q; there are: %s", args[0], strings.Join(shells, ", "))
		},
	}
}

func (c *cli) config() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show the configuration"}
	parent(cmd)
	cmd.AddCommand(c.configCheck(), c.configShow())
	return cmd
}

func (c *cli) configCheck() *cobra.Command {
	cmd := printing(&cobra.Command{
		Use:   "check [FILE]...",
		Short: "Say whether a configuration can be started with",
	})
	fileFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		source := c.source(cmd)
		source.Files = append(source.Files, args...)
		if len(source.Files) == 0 && source.ConfigDir == "" {
			return usagef("muster config check: name a file, or a directory with --config-dir")
		}
		settings, err := c.Load(source)
		if err != nil {
			return err
		}
		if on, _ := cmd.Flags().GetBool("json"); on {
			return c.printJSON(map[string]any{"valid": true, "warnings": append([]string{}, settings.Warnings...)})
		}
		c.warn(settings)
		c.say("The configuration is valid.")
		return nil
	}
	return cmd
}

func (c *cli) configShow() *cobra.Command {
	cmd := printing(&cobra.Command{
		Use:   "show",
		Short: "Show every key that a node would use, and where it comes from",
		Args:  takes(0, 0),
	})
	fileFlags(cmd.Flags())
	cmd.Flags().StringArray("set", nil, "set any key, as `KEY=VALUE`; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := c.Load(c.source(cmd))
		if err != nil {
			return err
		}
		if on, _ := cmd.Flags().GetBool("json"); on {
			return c.printJSON(map[string]any{"entries": append([]Entry{}, settings.Entries...)})
		}
		c.warn(settings)
		for _, e := range settings.Entries {
			c.say("%s", oneLine(e.Path+" = "+e.Value+"  # "+e.Source))
		}
		return nil
	}
	return cmd
}

func (c *cli) warn(s Settings) {
	for _, w := range s.Warnings {
		c.complain("warning: " + w)
	}
}
