package tidy

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// checkPorts finds functions that listen on a port of the kernel's choice, close
// it, and return its address. A connection of anybody may have the port by the
// time that a server wants it: that server listens on :0 itself, or is given
// one of discovery/discoverytest/ports.
func checkPorts(t *tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				found = append(found, portsOf(f, fn)...)
			}
		}
	}
	return found
}

func portsOf(f *file, fn *ast.FuncDecl) (found []Finding) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		set, ok := n.(*ast.AssignStmt)
		if !ok || len(set.Rhs) != 1 || !listensAnywhere(set.Rhs[0]) {
			return true
		}
		if id, ok := set.Lhs[0].(*ast.Ident); ok && closes(fn.Body, id.Name) && tells(fn.Body, id.Name) {
			found = append(found, f.at(n.Pos(), "a port that was listened on and closed is anybody's: take one of discovery/discoverytest/ports, or let the server listen on :0"))
		}
		return true
	})
	return found
}

// listensAnywhere reports whether e is a call of a function named Listen with
// the port 0.
func listensAnywhere(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(s.Sel.Name, "Listen") {
		return false
	}
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, _ := strconv.Unquote(lit.Value); strings.HasSuffix(text, ":0") {
				return true
			}
		}
	}
	return false
}

// closes reports whether a listener is closed when the function returns, and
// not by a function that it leaves behind.
func closes(body *ast.BlockStmt, name string) (yes bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if _, later := n.(*ast.FuncLit); later {
			return false
		}
		yes = yes || isMethodOf(n, name, "Close")
		return true
	})
	return yes
}

// tells reports whether the function returns the address of a listener.
func tells(body *ast.BlockStmt, name string) (yes bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok {
			ast.Inspect(r, func(n ast.Node) bool {
				yes = yes || isMethodOf(n, name, "Addr")
				return true
			})
		}
		return true
	})
	return yes
}

// isMethodOf reports whether n calls a method of a variable.
func isMethodOf(n ast.Node, variable, method string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != method {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == variable
}
