package tidy

import (
	"bufio"
	"bytes"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// promises are the words that promise instead of doing. They are put together
// here so that this file does not hold them.
var promises = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"}, "|") + `)\b`)

// hashFiles hold checksums, in which any word may turn up.
var hashFiles = []string{"go.sum", "go.work.sum"}

func checkWords(t *tree) []Finding {
	var found []Finding
	for _, f := range t.files {
		if slices.Contains(hashFiles, path.Base(f.path)) || isBinary(f.src) {
			continue
		}
		eachLine(f.src, func(n int, line string) {
			if w := promises.FindString(line); w != "" {
				found = append(found, Finding{f.path, n, w + ": do it, or open an issue"})
			}
		})
	}
	return found
}

// eachLine calls visit with the number, from 1, and the text of each line.
func eachLine(src []byte, visit func(n int, line string)) {
	s := bufio.NewScanner(bytes.NewReader(src))
	s.Buffer(nil, maxSource+1)
	for n := 1; s.Scan(); n++ {
		visit(n, s.Text())
	}
}

// avoid maps a word that the glossary avoids to the one that it uses. The list
// is short on purpose: words with one meaning here and none elsewhere.
var avoid = map[string]string{
	"Kick": "takeover", "Steal": "takeover", "Pattern": "filter", "Netsplit": "split",
	"Partition": "split", "Neighbour": "peer", "Neighbor": "peer", "Swarm": "cluster",
	"Epoch": "incarnation", "Heartbeat": "probe",
}

// userFacing are the rooms in which the words of older products stay: users
// write them in their configuration, and authors meet them in the contract.
var userFacing = []string{"config/...", "discovery/..."}

func checkNames(t *tree) []Finding {
	var found []Finding
	for _, f := range t.written() {
		if slices.ContainsFunc(userFacing, func(p string) bool { return matches(p, f.dir()) }) {
			continue
		}
		for _, id := range publicNames(f) {
			for _, word := range camelWords(id.Name) {
				if use, bad := avoid[word]; bad {
					found = append(found, f.at(id.Pos(), "%s: the glossary says %q, not %q", id.Name, use, strings.ToLower(word)))
				}
			}
		}
	}
	return found
}

// publicNames lists the exported names of a file, methods included.
func publicNames(f *file) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
			if fn.Name.IsExported() {
				names = append(names, fn.Name)
			}
			continue
		}
		names = append(names, exportedNames(d)...)
	}
	return names
}

// camelWords cuts a name before each capital letter: "SplitView" is Split, View.
func camelWords(name string) []string {
	var words []string
	start := 0
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			words = append(words, name[start:i])
			start = i
		}
	}
	return append(words, name[start:])
}
