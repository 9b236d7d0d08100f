package cli

import (
	"strings"
)

// shorthands are the flags of one letter; an argument that begins with one of
// them may hold its value, as in -cFILE.
const shorthands = "ch"

// longFlags are the names that begin like a shorthand: with one dash they
// mean the flag of that name, not the shorthand with a value.
var longFlags = []string{"config-dir", "help"}

// normalise lets long flags take one dash or two, and answers flags of older
// products that are gone.
func normalise(args []string) ([]string, error) {
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") {
		return args, nil // the line that a shell completes is not finished yet
	}
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...), nil
		}
		if strings.HasPrefix(strings.TrimLeft(arg, "-"), "atlas") && strings.HasPrefix(arg, "-") {
			return nil, usagef("%s: Atlas is gone: name a node of the cluster with --join ADDR instead", arg)
		}
		if oneDashLong(arg) {
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out, nil
}

// oneDashLong reports whether arg is a long flag with one dash.
func oneDashLong(arg string) bool {
	name, ok := strings.CutPrefix(arg, "-")
	if !ok || len(name) < 2 || name[0] == '-' {
		return false
	}
	if !strings.Contains(shorthands, name[:1]) {
		return true
	}
	name, _, _ = strings.Cut(name, "=")
	for _, long := range longFlags {
		if name == long {
			return true
		}
	}
	return false
}
