package tidy

import (
	"go/ast"
	"slices"
	"strings"
)

// sleepless is what is wrong with a sleep.
const sleepless = "time.Sleep: wait for the event, or run in a synctest bubble"

// checkSleeps finds the calls of time.Sleep in tests that are reached without
// entering a synctest bubble. It follows names: a function is reached where its
// name stands, a method where one of that name does and its type is reached.
func checkSleeps(t *tree) []Finding {
	packages := make(map[string]*graph)
	var dirs []string
	for _, f := range t.where(func(f *file) bool { return f.test && !f.generated }) {
		g := packages[f.dir()]
		if g == nil {
			g = &graph{makers: make(map[string]bool), types: make(map[string]bool), said: make(map[string]bool)}
			packages[f.dir()] = g
			dirs = append(dirs, f.dir())
		}
		g.add(f)
	}
	var found []Finding
	for _, dir := range dirs {
		found = append(found, packages[dir].findings()...)
	}
	return found
}

// node is a function, a method, a type or a variable of the tests of a package.
type node struct {
	f      *file
	decl   ast.Node
	name   string // that of a method begins with a point
	of     string // the type of a method
	enters bool   // it enters a bubble
	awake  bool   // it is reached outside of one
}

// graph is the tests of a directory.
type graph struct {
	all    []*node         // in the order of the files
	makers map[string]bool // functions that call one that they are given in a bubble
	types  map[string]bool // that are declared here
	said   map[string]bool // names that stand in what is awake, of methods as in node
	bubble bool            // there is any
}

func (g *graph) add(f *file) {
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			n := &node{f: f, decl: d, name: d.Name.Name}
			if d.Recv != nil {
				n.name, n.of = "."+n.name, receiver(d)
			}
			g.all = append(g.all, n)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				g.addSpec(f, s)
			}
		}
	}
}

func (g *graph) addSpec(f *file, s ast.Spec) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		g.types[s.Name.Name] = true
		g.all = append(g.all, &node{f: f, decl: s, name: s.Name.Name})
	case *ast.ValueSpec:
		for _, id := range s.Names {
			g.all = append(g.all, &node{f: f, decl: s, name: id.Name})
		}
	}
}

// findings are the sleeps of those who are awake.
func (g *graph) findings() []Finding {
	for g.learn() {
	}
	for g.wake() {
	}
	var found []Finding
	for _, n := range g.all {
		g.walk(n, func(x ast.Node, asleep bool) {
			if call, ok := x.(*ast.CallExpr); ok && isSleep(n.f, call) && (!g.bubble || n.awake && !asleep) {
				found = append(found, n.f.at(x.Pos(), sleepless))
			}
		})
	}
	return found
}

// learn finds who enters a bubble, by synctest or by a maker of them that is
// known already, and reports whether it has found more.
func (g *graph) learn() (more bool) {
	for _, n := range g.all {
		fn, ok := n.decl.(*ast.FuncDecl)
		if !ok || n.enters {
			continue
		}
		ast.Inspect(fn, func(x ast.Node) bool {
			call, ok := x.(*ast.CallExpr)
			n.enters = n.enters || ok && g.makes(n.f, call)
			return !n.enters
		})
		if n.enters {
			more, g.bubble = true, true
			if takesFunc(fn) && fn.Recv == nil {
				g.makers[fn.Name.Name] = true
			}
		}
	}
	return more
}

// makes reports whether a call enters a bubble with a function that it is given.
func (g *graph) makes(f *file, call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return g.makers[fun.Name]
	case *ast.SelectorExpr:
		return isCall(f, fun, "testing/synctest", []string{"Test"})
	}
	return false
}

// wake marks what is reached by what is known to be awake, and reports whether
// that is more.
func (g *graph) wake() (more bool) {
	for _, n := range g.all {
		reached := g.said[n.name] && (n.of == "" || g.said[n.of] || !g.types[n.of])
		if n.awake || !reached && !isRoot(n.name) {
			continue
		}
		n.awake, more = true, true
		g.walk(n, func(x ast.Node, asleep bool) {
			switch x := x.(type) {
			case *ast.Ident:
				g.said[x.Name] = g.said[x.Name] || !asleep
			case *ast.SelectorExpr:
				name := "." + x.Sel.Name
				g.said[name] = g.said[name] || !asleep
			}
		})
	}
	return more
}

// walk visits what is in a node. Of one that enters a bubble, asleep is what it
// hands to one, with all functions and tables, which may be for that.
func (g *graph) walk(n *node, visit func(x ast.Node, asleep bool)) {
	var asleep []bool // of each node above
	ast.Inspect(n.decl, func(x ast.Node) bool {
		if x == nil {
			asleep = asleep[:len(asleep)-1]
			return true
		}
		here := len(asleep) > 0 && asleep[len(asleep)-1]
		visit(x, here)
		switch x := x.(type) {
		case *ast.FuncLit, *ast.CompositeLit:
			here = here || n.enters
		case *ast.CallExpr:
			here = here || g.makes(n.f, x)
		}
		asleep = append(asleep, here)
		return true
	})
}

// isRoot reports whether the go command calls a function of that name.
func isRoot(name string) bool {
	return slices.ContainsFunc([]string{"Test", "Benchmark", "Fuzz", "Example"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

func takesFunc(fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool {
		_, ok := p.Type.(*ast.FuncType)
		return ok
	})
}

func isSleep(f *file, call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && isCall(f, s, "time", []string{"Sleep"})
}
