package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/config/hocon"
)

const (
	defaultPrefix = "MUSTER_"
	prefixName    = "HOCON_ENV_OVERRIDE_PREFIX"
	cookieFileEnv = "MUSTER_COOKIE_FILE"
)

// otherNames are variables under the prefix that are no keys.
var otherNames = []string{"COOKIE_FILE", "ADMIN", "NODE_NAME", "NODE_COOKIE"}

func environMap(environ []string) map[string]string {
	m := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			m[name] = value
		}
	}
	return m
}

// environment lays the variables on top, in name order; an empty one is not
// set. The older NODE_NAME and NODE_COOKIE, taken literally, yield to the
// newer NODE__NAME and NODE__COOKIE.
func (l *loader) environment() {
	for _, older := range []string{"NAME", "COOKIE"} {
		if name := l.prefix + "NODE_" + older; l.environ[name] != "" {
			l.layer(hocon.Literal("environment "+name, []string{"node", strings.ToLower(older)}, l.environ[name]), nil)
		}
	}
	if on, err := hocon.ParseBool(l.environ["WITH_EPMD"]); l.environ["WITH_EPMD"] == "1" || err == nil && on {
		l.layer(hocon.Literal("environment WITH_EPMD", []string{"node", "port_mapping"}, "epmd"), nil)
	}
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		rest, ours := strings.CutPrefix(name, l.prefix)
		if !ours || l.environ[name] == "" || slices.Contains(otherNames, rest) {
			continue
		}
		path := strings.Split(strings.ToLower(rest), "__")
		if !l.schema.mayHold(path) {
			unknown = append(unknown, name)
			continue
		}
		l.layer(hocon.Setting("environment "+name, quotedPath(path), l.environ[name]))
	}
	l.warnUnknown(unknown)
}

// warnUnknown makes one line of all, since container platforms set many
// variables that begin with a service's name.
func (l *loader) warnUnknown(names []string) {
	if len(names) > 0 {
		names = bounded(names, func(int) string { return "…" })
		l.warn("environment: no key for %s (ignored)", strings.Join(names, ", "))
	}
}

// quotedPath writes a path so that no character of a variable's name has a
// meaning in it.
func quotedPath(path []string) string {
	quoted := make([]string, len(path))
	for i, elem := range path {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(elem) + `"`
	}
	return strings.Join(quoted, ".")
}

func (l *loader) getenv(name string) (string, bool) {
	v, ok := l.environ[name]
	return v, ok
}
