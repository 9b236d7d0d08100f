package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxLine bounds a line of input and maxKept the output kept for a test that
// may yet fail, both in bytes.
const (
	maxLine = 4 << 20
	maxKept = 256 << 10
)

// event is a line of "go test -json", as "go doc test2json" describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	FailedBuild string
}

// report turns events into text.
type report struct {
	out     io.Writer
	kept    map[string][]string // output by package and test, until it ends
	size    map[string]int      // bytes of each entry of kept
	skipped []string            // tests that said "skip: why"
	failed  bool
}

func newReport(out io.Writer) *report {
	return &report{out: out, kept: make(map[string][]string), size: make(map[string]int)}
}

// read takes all events. A line that is none is printed: it comes from the go
// command itself.
func (r *report) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		var e event
		if line := s.Bytes(); !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
			fmt.Fprintln(r.out, s.Text())
			continue
		}
		r.event(e)
	}
	return s.Err()
}

func (r *report) event(e event) {
	id := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output(id, e)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.failed = true
	case "fail":
		r.failed = true
		r.tell(id, e.Test == "")
	case "skip":
		if why := reason(r.kept[id]); why != "" && e.Test != "" {
			r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, why))
		}
		r.forget(id)
	case "pass":
		r.forget(id)
	}
}

// output prints the line of a package that ended, and keeps the rest.
func (r *report) output(id string, e event) {
	switch {
	case e.Test == "" && isPackageLine(e.Output):
		fmt.Fprint(r.out, e.Output)
	case r.size[id] > maxKept:
		r.kept[id][len(r.kept[id])-1] = "... (more output was left out)\n"
	default:
		r.kept[id] = append(r.kept[id], e.Output)
		r.size[id] += len(e.Output)
	}
}

// tell prints what was kept of a test that failed, or, of a package, also of
// the tests that it took down with it before they could end.
func (r *report) tell(id string, all bool) {
	for _, k := range slices.Sorted(maps.Keys(r.kept)) {
		if k == id || all && strings.HasPrefix(k, id) {
			fmt.Fprint(r.out, strings.Join(r.kept[k], ""))
			r.forget(k)
		}
	}
}

func (r *report) forget(id string) {
	delete(r.kept, id)
	delete(r.size, id)
}

func isPackageLine(s string) bool {
	return strings.HasPrefix(s, "ok ") || strings.HasPrefix(s, "FAIL\t") || strings.HasPrefix(s, "?  ")
}

// reason finds "skip: why" in the output of a test.
func reason(output []string) string {
	for _, line := range output {
		if i := strings.Index(line, "skip: "); i >= 0 {
			return strings.TrimSpace(line[i:])
		}
	}
	return ""
}

// close prints the skips and reports whether the run may pass.
func (r *report) close(strict bool) bool {
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", s)
	}
	if strict && len(r.skipped) > 0 {
		fmt.Fprintf(r.out, "FAIL: %d tests were skipped, and MUSTER_NO_SKIP=1 allows none\n", len(r.skipped))
		return false
	}
	return !r.failed
}
