package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
)

// The sizes at which something is split. What to aim at is far below.
const (
	maxFunction  = 70  // lines
	maxFile      = 600 // lines
	maxTestFile  = 900 // lines
	maxExported  = 40  // names of a package
	maxMethods   = 7   // of an interface
	maxParameter = 5   // beside a context
)

func checkSizes(t *tree) []Finding {
	var found []Finding
	for _, f := range t.where(func(f *file) bool { return !f.generated }) {
		limit := maxFile
		if f.test {
			limit = maxTestFile
		}
		if n := f.lines(); n > limit {
			found = append(found, Finding{f.path, 1, fmt.Sprintf("%d lines, over %d: it wants a second room", n, limit)})
		}
		found = append(found, sizesOf(f)...)
	}
	return append(found, exportedSizes(t)...)
}

// foreign are the functions whose parameters are settled by somebody else's
// type, and by which.
var foreign = map[string]string{
	"plugins/etcd/registry.failFast": "grpc.UnaryClientInterceptor",
}

func sizesOf(f *file) []Finding {
	var found []Finding
	var settled *ast.FuncType
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && foreign[f.dir()+"."+n.Name.Name] != "" {
				settled = n.Type
			}
			lines := f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1
			if lines > maxFunction {
				found = append(found, f.at(n.Pos(), "%s has %d lines, over %d", n.Name.Name, lines, maxFunction))
			}
		case *ast.FuncType:
			if p := parameters(n); p > maxParameter && n != settled {
				found = append(found, f.at(n.Pos(), "%d parameters, over %d: use an options struct", p, maxParameter))
			}
		case *ast.InterfaceType:
			if m := n.Methods.NumFields(); m > maxMethods {
				found = append(found, f.at(n.Pos(), "an interface of %d methods, over %d", m, maxMethods))
			}
		}
		return true
	})
	return found
}

// parameters counts the parameters beside a context.
func parameters(n *ast.FuncType) int {
	count := n.Params.NumFields()
	for _, p := range n.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			count--
		}
	}
	return count
}

// vocabularies are the packages whose many names are their purpose, and why
// (docs/decisions/0002).
var vocabularies = map[string]string{
	"core":      "the nouns of the whole house",
	"core/wire": "one name for each frame and for each part of one; splitting the hello off would export the reader and writer",
	"discovery": "the words of the contract that plugin authors meet, each in plain Go",
}

func exportedSizes(t *tree) []Finding {
	count := make(map[string]int)
	first := make(map[string]*file)
	for _, f := range t.written() {
		if vocabularies[f.dir()] != "" {
			continue
		}
		if first[f.dir()] == nil {
			first[f.dir()] = f
		}
		for _, d := range f.ast.Decls {
			count[f.dir()] += weight(d)
		}
	}
	var found []Finding
	for _, dir := range slices.Sorted(maps.Keys(count)) {
		if n := count[dir]; n > maxExported {
			found = append(found, first[dir].at(first[dir].ast.Package, "package %s exports %d names (a block of constants or variables counts once), over %d", dir, n, maxExported))
		}
	}
	return found
}

// exportedNames lists the exported names that a declaration adds to its
// package; a method adds none.
func exportedNames(d ast.Decl) []*ast.Ident {
	var names []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			names = append(names, specNames(s, d.Tok)...)
		}
	}
	return onlyExported(names)
}

func onlyExported(names []*ast.Ident) []*ast.Ident {
	return slices.DeleteFunc(names, func(id *ast.Ident) bool { return !id.IsExported() })
}

// weight is what a declaration adds to the size of its package. A block of
// constants or variables counts once: the values of an enumeration, or the
// errors that callers tell apart, are one thing to learn.
func weight(d ast.Decl) int {
	names := len(exportedNames(d))
	if g, ok := d.(*ast.GenDecl); ok && g.Tok != token.TYPE {
		return min(names, 1)
	}
	return names
}

func specNames(s ast.Spec, tok token.Token) []*ast.Ident {
	switch s := s.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}
	case *ast.ValueSpec:
		if tok == token.CONST || tok == token.VAR {
			return slices.Clone(s.Names)
		}
	}
	return nil
}
