package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// maxSource is the most bytes that are read of one file; a longer one is no
// source, and the rule on binaries names it.
const maxSource = 4 << 20

// generatedNote is the line by which Go tools know generated code.
var generatedNote = regexp.MustCompile(`(?m)^// Code generated .+ DO NOT EDIT\.$`)

// file is one file of the tree.
type file struct {
	path string // slash-separated, relative to the root
	src  []byte
	// The rest is of Go files only.
	ast       *ast.File
	fset      *token.FileSet
	test      bool
	generated bool
}

// dir is the directory of the file, "." at the root.
func (f *file) dir() string { return path.Dir(f.path) }

// at is a finding at a place of a Go file.
func (f *file) at(pos token.Pos, reason string, args ...any) Finding {
	return Finding{Path: f.path, Line: f.fset.Position(pos).Line, Reason: fmt.Sprintf(reason, args...)}
}

// lines counts the lines of the file.
func (f *file) lines() int {
	n := bytes.Count(f.src, []byte("\n"))
	if len(f.src) > 0 && f.src[len(f.src)-1] != '\n' {
		n++
	}
	return n
}

// tree is everything that the rules look at.
type tree struct {
	files  []*file // in the order of their paths
	broken []Finding
}

// load reads the tree under the root of fsys, without what a build leaves
// behind. A Go file that does not parse is a finding, not an error.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (p == ".git" || p == "bin" || p == "build") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return t.add(fsys, p)
	})
	return t, err
}

func (t *tree) add(fsys fs.FS, p string) error {
	info, err := fs.Stat(fsys, p)
	if err != nil {
		return err
	}
	f := &file{path: p, test: strings.HasSuffix(p, "_test.go")}
	t.files = append(t.files, f)
	if info.Size() > maxSource {
		t.broken = append(t.broken, Finding{Path: p, Line: 1, Reason: fmt.Sprintf("%d bytes: too large to be a source", info.Size())})
		return nil
	}
	if f.src, err = fs.ReadFile(fsys, p); err != nil {
		return err
	}
	if path.Ext(p) == ".go" && !inTestdata(p) {
		t.parse(f)
	}
	return nil
}

func (t *tree) parse(f *file) {
	f.fset = token.NewFileSet()
	parsed, err := parser.ParseFile(f.fset, f.path, f.src, parser.ParseComments)
	if err != nil {
		t.broken = append(t.broken, Finding{Path: f.path, Line: 1, Reason: err.Error()})
		return
	}
	f.ast = parsed
	f.generated = generatedNote.Match(f.src)
}

// goFiles are the Go files that parse, those of tests too.
func (t *tree) goFiles() []*file { return t.where(func(*file) bool { return true }) }

// written are the Go files that people wrote and that are no tests.
func (t *tree) written() []*file {
	return t.where(func(f *file) bool { return !f.test && !f.generated })
}

func (t *tree) where(keep func(*file) bool) []*file {
	var kept []*file
	for _, f := range t.files {
		if f.ast != nil && keep(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// inTestdata reports whether tools of Go would overlook the file.
func inTestdata(p string) bool {
	return strings.HasPrefix(p, "testdata/") || strings.Contains(p, "/testdata/")
}
