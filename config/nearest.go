package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-mqtt/muster/config/hocon"
)

// unknown reports a key that is in no schema. In a variable it is a warning:
// only then may a name mean something to somebody else.
func (w *walker) unknown(m hocon.Member, path []string) {
	if strings.HasPrefix(m.Origin().Name, "environment ") {
		w.warn("%s: no key %s (ignored)", m.Origin(), dotted(path))
		return
	}
	msg := "unknown key " + dotted(path)
	if w.searches++; w.searches <= maxErrors {
		if near := nearest(path); near != "" {
			msg += ", did you mean " + near + "?"
		}
	}
	w.fail(&hocon.Error{At: m.Origin(), Msg: msg})
}

// dotted writes a path for people.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = p
		if q := strconv.Quote(p); p == "" || strings.Contains(p, ".") || q != `"`+p+`"` {
			parts[i] = q
		}
	}
	s := strings.Join(parts, ".")
	if len(s) > maxName {
		return strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return s
}

// nearest returns the known key, or part of one, that is closest to path; ""
// when none is close.
func nearest(path []string) string {
	name := strings.ToLower(strings.Join(path, "."))
	if len(name) > 128 {
		return ""
	}
	best, least := "", 1+max(2, len(path[len(path)-1])/3)
	for _, candidate := range candidates(path) {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return cmp.Or(newerSpellings[best], best)
}

// candidates are the known keys, their parts and older spellings, sorted, a *
// replaced by what path has there.
func candidates(path []string) []string {
	var out []string
	for _, k := range keys() {
		elems := strings.Split(k.path, ".")
		for i, elem := range elems {
			if elem == "*" && i < len(path) {
				elems[i] = path[i]
			}
			out = append(out, strings.Join(elems[:i+1], "."))
		}
	}
	out = append(out, olderSpellings...)
	slices.Sort(out)
	return slices.Compact(out)
}

// distance counts the single steps from a to b: a letter put in, left out or
// changed, or two neighbours swapped (Damerau-Levenshtein, each pair once).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	var older, prev []int
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		older, prev, row = prev, row, make([]int, len(t)+1)
		row[0] = i
		for j := 1; j <= len(t); j++ {
			change := prev[j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			row[j] = min(prev[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(t)]
}
