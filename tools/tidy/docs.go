package tidy

import (
	"go/ast"
	"maps"
	"slices"
)

// checkDocs: every package says once what it is, every exported name what it
// means. A reader of the documentation never meets a bare name.
func checkDocs(t *tree) []Finding {
	var found []Finding
	packages := make(map[string][]*file)
	for _, f := range t.where(func(f *file) bool { return !f.test }) {
		packages[f.dir()] = append(packages[f.dir()], f)
		if !f.generated {
			found = append(found, undocumented(f)...)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		found = append(found, packageDocs(packages[dir])...)
	}
	return found
}

func packageDocs(files []*file) []Finding {
	var with []*file
	for _, f := range files {
		if f.ast.Doc != nil && !f.generated {
			with = append(with, f)
		}
	}
	if len(with) == 0 {
		return []Finding{files[0].at(files[0].ast.Package, "the package has no package comment: say what it is")}
	}
	var found []Finding
	for _, f := range with[1:] {
		found = append(found, f.at(f.ast.Package, "a second package comment; the first is in %s", with[0].path))
	}
	return found
}

func undocumented(f *file) []Finding {
	var found []Finding
	bare := func(id *ast.Ident) {
		found = append(found, f.at(id.Pos(), "%s is exported and has no comment", id.Name))
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
				bare(d.Name)
			}
		case *ast.GenDecl:
			for _, id := range bareNames(d) {
				bare(id)
			}
		}
	}
	return found
}

// bareNames lists the exported names of a declaration that neither it nor
// their own line documents.
func bareNames(d *ast.GenDecl) []*ast.Ident {
	if d.Doc != nil {
		return nil
	}
	var names []*ast.Ident
	for _, s := range d.Specs {
		if !hasDoc(s) {
			names = append(names, specNames(s, d.Tok)...)
		}
	}
	return onlyExported(names)
}

func hasDoc(s ast.Spec) bool {
	switch s := s.(type) {
	case *ast.TypeSpec:
		return s.Doc != nil || s.Comment != nil
	case *ast.ValueSpec:
		return s.Doc != nil || s.Comment != nil
	}
	return true
}

// exportedReceiver reports whether a function is reachable from outside: it is
// no method, or that of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	return d.Recv == nil || ast.IsExported(receiver(d))
}

// receiver is the name of the type that a method is of.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
