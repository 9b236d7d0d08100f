package clauses

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The tags of each standard: section, first and last number. 5.0 has no
// 2.2.1-1; the standard prints 3.8.3-4 of 3.1.1 as "3-8.3-4".
var (
	tags3 = `1.5.3:1-3 2.2.2:1-2 2.3.1:1-7 3.1.0:1-2 3.1.2:1-24 3.1.3:1-11 3.1.4:1-5 3.2.0:1-1 3.2.2:1-6 3.3.1:1-12 3.3.2:1-3 3.3.4:1-1
		3.3.5:1-2 3.6.1:1-1 3.8.1:1-1 3.8.3:1-4 3.8.4:1-6 3.9.3:1-2 3.10.1:1-1 3.10.3:1-2 3.10.4:1-6 3.12.4:1-1 3.14.1:1-1 3.14.4:1-3
		4.1.0:1-2 4.3.1:1-1 4.3.2:1-2 4.3.3:1-2 4.4.0:1-1 4.5.0:1-2 4.6.0:1-6 4.7.1:1-3 4.7.2:1-1 4.7.3:1-4 4.8.0:1-2 6.0.0:1-4 7.0.0:1-2
		7.1.1:1-1 7.1.2:1-1`
	tags5 = `1.5.4:1-3 1.5.5:1-1 1.5.7:1-1 2.1.3:1-1 2.2.1:2-6 2.2.2:1-1 3.1.0:1-2 3.1.2:1-30 3.1.3:1-12 3.1.4:1-6 3.2.0:1-2 3.2.2:1-22
		3.3.1:1-13 3.3.2:1-20 3.3.4:1-10 3.4.2:1-3 3.5.2:1-3 3.6.1:1-1 3.6.2:1-3 3.7.2:1-3 3.8.1:1-1 3.8.3:1-5 3.8.4:1-8 3.9.2:1-2 3.9.3:1-2
		3.10.1:1-1 3.10.3:1-2 3.10.4:1-6 3.11.2:1-2 3.11.3:1-2 3.12.4:1-1 3.14.0:1-1 3.14.1:1-1 3.14.2:1-4 3.14.4:1-3 3.15.1:1-1 3.15.2:1-3
		4.1.0:1-2 4.2.0:1-1 4.3.1:1-1 4.3.2:1-5 4.3.3:1-13 4.4.0:1-2 4.5.0:1-2 4.6.0:1-6 4.7.0:1-1 4.7.1:1-2 4.7.2:1-1 4.7.3:1-4 4.8.2:1-6
		4.9.0:1-3 4.12.0:1-7 4.12.1:1-2 4.13.1:1-1 4.13.2:1-1 6.0.0:1-4`
)

// TestTables holds the pages of the documentation to what they say: no tag is
// missing, no row is empty, and each test exists.
func TestTables(t *testing.T) {
	for file, tags := range map[string]string{"mqtt-3.1.1.md": tags3, "mqtt-5.0.md": tags5} {
		t.Run(file, func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join("../../../docs", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults(string(page), expand(t, tags), named) {
				t.Errorf("docs/%s: %s", file, fault)
			}
		})
	}
}

// expand turns "1.5.3:1-3" into its tags.
func expand(t *testing.T, ranges string) []string {
	t.Helper()
	var tags []string
	for _, r := range strings.Fields(ranges) {
		section, numbers, _ := strings.Cut(r, ":")
		first, last, _ := strings.Cut(numbers, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			t.Fatal(err)
		}
		to, err := strconv.Atoi(last)
		if err != nil || to < from {
			t.Fatalf("%s: %v", r, err)
		}
		for i := from; i <= to; i++ {
			tags = append(tags, fmt.Sprintf("[MQTT-%s-%d]", section, i))
		}
	}
	return tags
}

var quoted = regexp.MustCompile("`([^`]+)`")

// faults lists what is wrong with a page: exists says what is wrong with the
// name of a test, "" for nothing.
func faults(page string, tags []string, exists func(string) string) []string {
	var found []string
	rows := map[string]int{}
	for i, line := range strings.Split(page, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| statement ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3 {
			found = append(found, fmt.Sprintf("line %d has %d cells", i+1, len(cells)))
			continue
		}
		tag, text, held := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		rows[tag]++
		for _, fault := range rowFaults(text, held, exists) {
			found = append(found, fmt.Sprintf("line %d, %s: %s", i+1, tag, fault))
		}
	}
	known := map[string]bool{}
	for _, tag := range tags {
		if known[tag] = true; rows[tag] == 0 {
			found = append(found, tag+" is missing")
		}
	}
	for tag, n := range rows {
		if n > 1 {
			found = append(found, tag+" stands twice")
		}
		if strings.HasPrefix(tag, "[") && !known[tag] {
			found = append(found, tag+" is no tag of this standard")
		}
	}
	return found
}

func rowFaults(text, held string, exists func(string) string) []string {
	var found []string
	if len(text) < 10 {
		found = append(found, "says nothing")
	}
	tests := quoted.FindAllStringSubmatch(held, -1)
	why, excused := strings.CutPrefix(held, "not ours: ")
	if len(tests) == 0 && (!excused || len(why) < 10) {
		found = append(found, "names no test and no reason")
	}
	for _, m := range tests {
		if fault := exists(m[1]); fault != "" {
			found = append(found, fault)
		}
	}
	return found
}

// named says what is wrong with the name of a test: "TestX/sub" of this
// package, or "path/of/package TestX/sub". Each part of a subtest's name must
// be a text in the body of TestX, or a version.
func named(name string) string {
	dir, test, other := strings.Cut(name, " ")
	if !other {
		dir, test = "cmd/e2e/clauses", name
	}
	tests, err := testsOf(filepath.Join("../../..", dir))
	if err != nil {
		return err.Error()
	}
	parts := strings.Split(test, "/")
	texts, is := tests[parts[0]]
	if !is {
		return fmt.Sprintf("there is no %s in %s", parts[0], dir)
	}
	for _, part := range parts[1:] {
		if part != version(v3) && part != version(v5) && !texts[part] {
			return fmt.Sprintf("there is no subtest %s in %s", test, dir)
		}
	}
	return ""
}

var parsed = map[string]map[string]map[string]bool{}

// testsOf returns the names of the tests of a package, each with the texts in
// its body.
func testsOf(dir string) (map[string]map[string]bool, error) {
	if tests, done := parsed[dir]; done {
		return tests, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s has no tests", dir)
	}
	tests := map[string]map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				tests[fn.Name.Name] = textsIn(fn)
			}
		}
	}
	parsed[dir] = tests
	return tests, nil
}

func textsIn(fn *ast.FuncDecl) map[string]bool {
	texts := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts[text] = true
			}
		}
		return true
	})
	return texts
}

// TestFaults shows each fault of a page found.
func TestFaults(t *testing.T) {
	exists := func(name string) string {
		if name == "TestGood" {
			return ""
		}
		return "no " + name
	}
	good := "| [MQTT-1-1] | what it asks for | `TestGood` |\n"
	for name, c := range map[string]struct {
		page  string
		found int
	}{
		"nothing":        {good, 0},
		"missing":        {"", 1},
		"twice":          {good + good, 1},
		"unknown":        {good + "| [MQTT-9-9] | what it asks for | `TestGood` |\n", 1},
		"empty sentence": {"| [MQTT-1-1] |  | `TestGood` |\n", 1},
		"empty test":     {"| [MQTT-1-1] | what it asks for |  |\n", 1},
		"no such test":   {"| [MQTT-1-1] | what it asks for | `TestGood`, `TestBad` |\n", 1},
		"no reason":      {"| [MQTT-1-1] | what it asks for | not ours: so |\n", 1},
		"a reason":       {"| [MQTT-1-1] | what it asks for | not ours: nobody ever does |\n", 0},
		"four cells":     {good + "| § 9 | a | b | c |\n", 1},
	} {
		if found := faults(c.page, []string{"[MQTT-1-1]"}, exists); len(found) != c.found {
			t.Errorf("%s: found %q", name, found)
		}
	}
	for name, right := range map[string]bool{"TestTables": true, "TestTables/mqtt-5.0.md": true, "TestNone": false, "TestTables/none such": false,
		"cmd/e2e/clauses TestFaults": true, "cmd/no" + "where TestFaults": false, "testsOf": false, "TestLaw/mqtt-5.0.md": false} {
		if fault := named(name); (fault == "") != right {
			t.Errorf("%s: %q", name, fault)
		}
	}
}
