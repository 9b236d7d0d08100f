package tidy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// apart are the modules that stay outside go.work, each with its reason. What
// tools need would lift versions in all the others.
var apart = map[string]string{
	"tools":                   "lint tools",
	"conformance/kube":        "the Kubernetes API server of the tests, which nothing imports",
	"examples/hello-strategy": "an outsider, who has no workspace of ours",
}

// module is one go.mod of the tree.
type module struct {
	dir  string
	mod  *modfile.File
	path string // of the go.mod
}

func checkModules(t *tree) []Finding {
	modules, found := readModules(t)
	found = append(found, checkWorkspace(t, modules)...)
	for _, m := range modules {
		found = append(found, checkModule(t, m, modules)...)
	}
	return found
}

func readModules(t *tree) ([]module, []Finding) {
	var modules []module
	var found []Finding
	for _, f := range t.files {
		if path.Base(f.path) != "go.mod" || inTestdata(f.path) {
			continue
		}
		mod, err := modfile.Parse(f.path, f.src, nil)
		if err != nil || mod.Module == nil {
			found = append(found, Finding{f.path, 1, fmt.Sprintf("not a go.mod: %v", err)})
			continue
		}
		modules = append(modules, module{dir: f.dir(), mod: mod, path: f.path})
	}
	return modules, found
}

// checkWorkspace: go.work and the tree name the same modules.
func checkWorkspace(t *tree, modules []module) []Finding {
	i := slices.IndexFunc(t.files, func(f *file) bool { return f.path == "go.work" })
	if i < 0 {
		return []Finding{{"go.work", 1, "there is no go.work at the root"}}
	}
	work, err := modfile.ParseWork("go.work", t.files[i].src, nil)
	if err != nil {
		return []Finding{{"go.work", 1, err.Error()}}
	}
	var found []Finding
	used := make(map[string]bool)
	for _, u := range work.Use {
		dir := path.Clean(u.Path)
		used[dir] = true
		if !slices.ContainsFunc(modules, func(m module) bool { return m.dir == dir }) {
			found = append(found, Finding{"go.work", u.Syntax.Start.Line, u.Path + " has no go.mod"})
		}
	}
	for _, m := range modules {
		if why := apart[m.dir]; !used[m.dir] && why == "" {
			found = append(found, Finding{m.path, 1, "go.work does not list this module"})
		}
	}
	return found
}

// checkModule: the path of a module is that of its directory, its siblings are
// required at v0.0.0 and replaced by a relative path, and its sums are there.
func checkModule(t *tree, m module, all []module) []Finding {
	var found []Finding
	at := func(line int, reason string, args ...any) {
		found = append(found, Finding{m.path, line, fmt.Sprintf(reason, args...)})
	}
	if want := prefix + m.dir; m.mod.Module.Mod.Path != want {
		at(m.mod.Module.Syntax.Start.Line, "the module is called %s, its directory asks for %s", m.mod.Module.Mod.Path, want)
	}
	for _, r := range m.mod.Require {
		sibling, ours := strings.CutPrefix(r.Mod.Path, prefix)
		if ours && r.Mod.Version != "v0.0.0" {
			at(r.Syntax.Start.Line, "a sibling is required at v0.0.0, not %s", r.Mod.Version)
		}
		if ours && replacement(m, r.Mod.Path) != sibling {
			at(r.Syntax.Start.Line, "%s wants a replace by the relative path of ./%s", r.Mod.Path, sibling)
		}
	}
	if needsSums(m) && !slices.ContainsFunc(t.files, func(f *file) bool { return f.path == path.Join(m.dir, "go.sum") }) {
		at(1, "go.sum is missing")
	}
	return append(found, unrequired(t, m, all)...)
}

// replacement is the directory, relative to the root, that a module path is
// replaced by, "" when there is none or it is not relative.
func replacement(m module, modulePath string) string {
	for _, r := range m.mod.Replace {
		if r.Old.Path == modulePath && strings.HasPrefix(r.New.Path, ".") {
			return path.Join(m.dir, r.New.Path)
		}
	}
	return ""
}

func needsSums(m module) bool {
	return slices.ContainsFunc(m.mod.Require, func(r *modfile.Require) bool {
		return !strings.HasPrefix(r.Mod.Path, prefix)
	})
}

// unrequired names imports of siblings that only go.work provides: with it
// alone the module would build for us, and for nobody else.
func unrequired(t *tree, m module, all []module) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if owner(all, f.dir()) != m.dir {
			continue
		}
		for _, imp := range f.ast.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(p, prefix)
			if sibling := owner(all, to); ours && sibling != m.dir && !requires(m, prefix+sibling) {
				found = append(found, f.at(imp.Pos(), "%s does not require %s", m.path, prefix+sibling))
			}
		}
	}
	return found
}

func requires(m module, modulePath string) bool {
	return slices.ContainsFunc(m.mod.Require, func(r *modfile.Require) bool { return r.Mod.Path == modulePath })
}

// owner is the directory of the module that holds a directory.
func owner(all []module, dir string) string {
	for d := dir; d != "."; d = path.Dir(d) {
		if slices.ContainsFunc(all, func(m module) bool { return m.dir == d }) {
			return d
		}
	}
	return dir
}
