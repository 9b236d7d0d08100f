package tidy

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// prefix is what the import paths of our own packages begin with.
const prefix = "github.com/muster-mqtt/muster/"

// room is a row of the table of walls. A pattern is a directory, or a
// directory with everything below it when it ends in "/...".
type room struct {
	dir     string   // pattern of the room itself
	may     []string // patterns of our own packages that it may import
	why     string   // the reason, told with each finding
	planned bool     // not built yet: it need not exist
}

const (
	whyNouns  = "the nouns and the contracts depend on nothing, so that everything may depend on them"
	whyPure   = "a decider knows the nouns only, and no other decider: it is understood and tested alone"
	whyNobody = "this room may import anything because nobody imports it"
)

// walls is the table "Walls" of the design, most particular patterns included:
// of several that fit a directory the longest holds. A directory that none
// fits is a finding: a new room needs a row before it needs code.
var walls = []room{
	{dir: "core", why: whyNouns},
	{dir: "transport", why: whyNouns},
	{dir: "discovery/...", why: whyNouns},
	{dir: "config/...", why: whyNouns},
	{dir: "core/autocluster", may: []string{"core"}, why: whyPure},
	{dir: "core/membership", may: []string{"core"}, why: whyPure},
	{dir: "core/heal", may: []string{"core"}, why: whyPure, planned: true},
	{dir: "core/replica", may: []string{"core"}, why: whyPure},
	{dir: "core/takeover", may: []string{"core"}, why: whyPure, planned: true},
	{dir: "core/lane", may: []string{"core"}, why: whyPure},
	{dir: "core/heap", why: "it concerns the whole process, and nothing that is in it"},
	{dir: "core/journal", may: []string{"core"}, why: "the log keeps bytes and does not know whose"},
	{dir: "core/retained", may: []string{"core"}, why: whyPure},
	{dir: "core/route", may: []string{"core", "core/replica"}, why: "the route table stands on the replicated tables and on nothing else"},
	{dir: "core/wire", may: []string{"core", "core/membership", "core/replica", "core/retained", "core/lane", "core/takeover", "transport"}, why: "the codec knows the message types and the frame limit, not who sends them"},
	{dir: "core/pluginhost", may: []string{"core", "discovery/..."}, why: "the host runs any plugin by the contract alone"},
	{dir: "core/node", may: []string{"core/...", "transport", "discovery/..."}, why: "the shell runs over any transport and under any MQTT front"},
	{dir: "core/admin", may: []string{"core/...", "transport", "discovery/..."}, why: "the API shows the core, whatever carries it"},
	{dir: "transport/...", may: []string{"transport", "transport/internal/..."}, why: "a transport moves opaque frames: it can be written by a stranger who knows the contract only"},
	{dir: "plugins/...", may: []string{"discovery/..."}, why: "a plugin is what a stranger could have written: it knows the kit only"},
	{dir: "mqtt/...", may: []string{"core"}, why: "the front needs the nouns; everything else is behind its own interfaces"},
	{dir: "conformance/...", may: []string{"discovery/...", "transport", "core/pluginhost"}, why: "the suites know the contracts, never an implementation"},
	{dir: "cmd/...", may: []string{"core/...", "transport/...", "discovery/...", "config/...", "mqtt/...", "plugins/..."}, why: "the daemon is built of what ships; the rooms of tests stay out"},
	{dir: "sim/...", may: []string{"..."}, why: whyNobody},
	{dir: "bench/...", may: []string{"..."}, why: whyNobody},
	{dir: "lab/...", may: []string{"..."}, why: whyNobody},
	{dir: "examples/...", may: []string{"..."}, why: whyNobody},
	{dir: "tools/...", why: "the tools read the house, they are not part of it"},
}

// nobodyImports are the rooms that only themselves may import.
var nobodyImports = []string{"sim/...", "bench/...", "lab/...", "examples/...", "tools/..."}

func checkWalls(t *tree) []Finding {
	found := vanished(t, walls)
	for _, f := range t.where(func(f *file) bool { return !f.test }) {
		found = append(found, wallsOf(f)...)
	}
	return found
}

// vanished names rows whose room is gone: a wall around nothing guards
// nothing, and the room may have moved out of its reach.
func vanished(t *tree, table []room) []Finding {
	var found []Finding
	for _, r := range table {
		lives := func(f *file) bool { return matches(r.dir, f.dir()) }
		if !r.planned && !slices.ContainsFunc(t.goFiles(), lives) {
			found = append(found, Finding{Path: strings.TrimSuffix(r.dir, "/..."), Line: 1,
				Reason: "the table of walls names this room, but no Go file is in it: correct the table"})
		}
	}
	return found
}

func wallsOf(f *file) []Finding {
	home, ok := roomOf(f.dir())
	if !ok {
		return []Finding{{Path: f.path, Line: 1, Reason: "no row of the table of walls fits this directory: add one, with its reason"}}
	}
	var found []Finding
	for _, imp := range f.ast.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		to, ours := strings.CutPrefix(p, prefix)
		if ours && !mayImport(home, f.dir(), to) {
			found = append(found, f.at(imp.Pos(), "%s may not import %s: %s", f.dir(), to, home.why))
		}
	}
	return found
}

func mayImport(home room, from, to string) bool {
	if matches(ownRoot(home, from), to) {
		return true
	}
	if slices.ContainsFunc(nobodyImports, func(p string) bool { return matches(p, to) }) {
		return false
	}
	return slices.ContainsFunc(home.may, func(p string) bool { return matches(p, to) })
}

// ownRoot is the part of the tree that counts as the importer's own. In rooms
// of equals, each of them is a room: plugins do not import each other, nor
// transports.
func ownRoot(home room, from string) string {
	if home.dir != "plugins/..." && home.dir != "transport/..." {
		return home.dir
	}
	parts := strings.SplitN(from, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...) + "/..."
}

// roomOf finds the row with the longest pattern that fits a directory.
func roomOf(dir string) (best room, ok bool) {
	for _, r := range walls {
		if matches(r.dir, dir) && (!ok || len(strings.TrimSuffix(r.dir, "/...")) > len(strings.TrimSuffix(best.dir, "/..."))) {
			best, ok = r, true
		}
	}
	return best, ok
}

// matches reports whether a directory fits a pattern.
func matches(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	base, below := strings.CutSuffix(pattern, "/...")
	return dir == base || below && strings.HasPrefix(dir, base+"/")
}
