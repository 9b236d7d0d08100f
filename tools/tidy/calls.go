package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// waiver lets one directory, with all below it, use what is banned elsewhere.
type waiver struct {
	dir, what, why string
}

// waivers are the exceptions; the reason is for the reader.
var waivers = []waiver{
	{"discovery", "os.Exit", "the kit owns the process of a plugin, and must end it when its host dies"},
	{"lab", "os.Exit", "lab.Main is the main function of a test binary"},
}

// ending are the calls that end a process, or a goroutine's callers, in a way
// that the caller of a library cannot handle.
var ending = []struct {
	pkg   string
	names []string
}{
	{"os", []string{"Exit"}},
	{"log", []string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"}},
}

// bannedImports are packages with a better twin.
var bannedImports = map[string]string{
	"math/rand": "use math/rand/v2, and a generator of one's own",
	"log":       "use log/slog, and take the logger as a parameter",
	"io/ioutil": "use io and os",
}

func checkCalls(t *tree) []Finding {
	var found []Finding
	for _, f := range t.where(func(f *file) bool { return !f.generated }) {
		found = append(found, importsOf(f)...)
		found = append(found, callsOf(f)...)
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, f.at(fn.Pos(), "init runs behind everybody's back: let main call it by name"))
			}
		}
	}
	return append(found, checkSleeps(t)...)
}

func importsOf(f *file) []Finding {
	var found []Finding
	for _, imp := range f.ast.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		if why, banned := bannedImports[p]; banned {
			found = append(found, f.at(imp.Pos(), "import of %q: %s", p, why))
		}
	}
	return found
}

func callsOf(f *file) []Finding {
	var found []Finding
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if isSleep(f, call) && !f.test {
			found = append(found, f.at(n.Pos(), sleepless))
		}
		if what := endingCall(f, call); what != "" && !f.test && f.ast.Name.Name != "main" && !waived(f, what) {
			found = append(found, f.at(n.Pos(), "%s in a library: return an error", what))
		}
		return true
	})
	return found
}

// endingCall names the call if it is one that ends the process, else "".
func endingCall(f *file, call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if fun.Name == "panic" && fun.Obj == nil {
			return "panic"
		}
	case *ast.SelectorExpr:
		for _, e := range ending {
			if isCall(f, fun, e.pkg, e.names) {
				return e.pkg + "." + fun.Sel.Name
			}
		}
	}
	return ""
}

func waived(f *file, what string) bool {
	return slices.ContainsFunc(waivers, func(w waiver) bool {
		return w.what == what && matches(w.dir+"/...", f.dir())
	})
}

// checkSkips: a test that cannot run says "skip: why", so that the test run of
// CI can tell it from a fuzz target that passes over an input.
func checkSkips(t *tree) []Finding {
	var found []Finding
	for _, f := range t.where(func(f *file) bool { return !f.generated }) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				return false
			}
			if call, ok := n.(*ast.CallExpr); ok && wordlessSkip(call) {
				found = append(found, f.at(n.Pos(), `a skip must read "skip: why"`))
			}
			return true
		})
	}
	return found
}

// wordlessSkip reports whether call is a Skip or Skipf whose literal text does
// not begin with "skip: ".
func wordlessSkip(call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Skip" && s.Sel.Name != "Skipf" || len(call.Args) == 0 {
		return false
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return false
	}
	text, _ := strconv.Unquote(lit.Value)
	return !strings.HasPrefix(text, "skip: ")
}
