package tidy

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
)

// Finding is a place that breaks a rule.
type Finding struct {
	Path   string // relative to the root, slash-separated
	Line   int    // from 1
	Reason string // what is wrong and what to do
}

// String is the form that editors and people can follow: path:line: reason.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Reason) }

// Rule is one house rule.
type Rule struct {
	Name  string // a short word, for test names
	check func(*tree) []Finding
}

// Rules returns all house rules, in the order in which they are reported.
func Rules() []Rule {
	return []Rule{
		{"parses", func(t *tree) []Finding { return t.broken }},
		{"walls", checkWalls},
		{"pure", checkPure},
		{"sizes", checkSizes},
		{"docs", checkDocs},
		{"calls", checkCalls},
		{"ports", checkPorts},
		{"skips", checkSkips},
		{"words", checkWords},
		{"names", checkNames},
		{"links", checkLinks},
		{"modules", checkModules},
		{"artefacts", checkArtefacts},
	}
}

// Check applies the rules to the tree at the root of fsys and returns the
// findings of each rule that has some, sorted by place. The error is that of
// reading the tree.
func Check(fsys fs.FS, rules ...Rule) (map[string][]Finding, error) {
	t, err := load(fsys)
	if err != nil {
		return nil, fmt.Errorf("reading the tree: %w", err)
	}
	all := make(map[string][]Finding)
	for _, r := range rules {
		if found := r.check(t); len(found) > 0 {
			slices.SortFunc(found, byPlace)
			all[r.Name] = found
		}
	}
	return all, nil
}

func byPlace(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason))
}
