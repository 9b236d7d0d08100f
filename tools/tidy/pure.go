package tidy

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// pureRoom is a room that decides and does nothing.
type pureRoom struct {
	dir   string
	locks bool // the package sync is allowed: its readers are concurrent
}

// pure lists the rooms of which the design says "never". They are replayed
// from a seed on virtual time, which any of the banned things would break.
var pure = []pureRoom{
	{dir: "core/autocluster"}, {dir: "core/membership"}, {dir: "core/heal"},
	{dir: "core/replica"}, {dir: "core/retained"}, {dir: "core/takeover"}, {dir: "core/lane"},
	{dir: "core/route", locks: true},
	{dir: "mqtt/packet"}, {dir: "mqtt/session"},
}

// impure are the packages that a pure room never imports, with all below them.
var impure = []string{"net", "os", "log", "syscall", "context"}

// clockCalls are the functions of package time that read or wait for the clock.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// ownRand are the names of math/rand/v2 that make a generator of one's own.
var ownRand = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

func checkPure(t *tree) []Finding {
	var found []Finding
	for _, f := range t.where(func(f *file) bool { return !f.test }) {
		i := slices.IndexFunc(pure, func(r pureRoom) bool { return matches(r.dir+"/...", f.dir()) })
		if i >= 0 {
			found = append(found, impureImports(f, pure[i])...)
			found = append(found, impureCode(f)...)
		}
	}
	return found
}

func impureImports(f *file, r pureRoom) []Finding {
	banned := impure
	if !r.locks {
		banned = append(slices.Clone(impure), "sync")
	}
	var found []Finding
	for _, imp := range f.ast.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		top, _, _ := strings.Cut(p, "/")
		if slices.Contains(banned, top) {
			found = append(found, f.at(imp.Pos(), "a pure room imports %q: let the shell do it and pass the result in", p))
		}
	}
	return found
}

func impureCode(f *file) []Finding {
	var found []Finding
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, f.at(n.Pos(), "a pure room starts a goroutine: return an effect instead"))
		case *ast.ChanType:
			found = append(found, f.at(n.Pos(), "a pure room uses a channel: return an effect instead"))
		case *ast.SelectorExpr:
			if isCall(f, n, "time", clockCalls) {
				found = append(found, f.at(n.Pos(), "a pure room reads the clock (time.%s): take the time as a parameter", n.Sel.Name))
			}
			if globalRand(f, n) {
				found = append(found, f.at(n.Pos(), "a pure room uses the global random source: take a *rand.Rand"))
			}
		}
		return true
	})
	return found
}

func globalRand(f *file, n *ast.SelectorExpr) bool {
	return isPackage(f, n.X, "math/rand/v2") && !slices.Contains(ownRand, n.Sel.Name)
}

// isCall reports whether n names one of the functions of a package.
func isCall(f *file, n *ast.SelectorExpr, pkg string, names []string) bool {
	return isPackage(f, n.X, pkg) && slices.Contains(names, n.Sel.Name)
}

// isPackage reports whether e is the name by which the file imports pkg, and
// not a variable of that name.
func isPackage(f *file, e ast.Expr, pkg string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Obj == nil && id.Name == importName(f, pkg)
}

// importName is the name by which a file knows a package, "" when it does not.
func importName(f *file, pkg string) string {
	for _, imp := range f.ast.Imports {
		if p, _ := strconv.Unquote(imp.Path.Value); p != pkg {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		parts := strings.Split(pkg, "/")
		if last := parts[len(parts)-1]; last != "v2" {
			return last
		}
		return parts[len(parts)-2]
	}
	return ""
}
