package outsiders

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// report is what is looked at in a report of the suite.
type report struct {
	Name         string   `json:"name"`
	Capabilities []string `json:"capabilities"`
	Failed       int      `json:"failed"`
	Passed       int      `json:"passed"`
	Results      []struct {
		Case string `json:"case"`
	} `json:"results"`
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	text, err := os.ReadFile(path)
	var r report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func suite(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, "muster-conformance"), args...)
}

// Both outsiders pass every case that applies to them.
func TestSuite(t *testing.T) {
	each(t, func(t *testing.T, strategy string) {
		file := filepath.Join(t.TempDir(), "report.json")
		cmd := suite("--plugin", plugin(strategy), "--fixture", filepath.Join(root, "examples/hello-strategy/fixture.sh"), "--json", file)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		r := readReport(t, file)
		if r.Name != strategy || r.Failed > 0 || r.Passed < 30 || !slices.Equal(r.Capabilities, []string{"WATCH"}) {
			t.Errorf("%+v", r)
		}
	})
}

// The reports that are kept are of the cases that there are, and good.
func TestKeptReports(t *testing.T) {
	list, err := suite("--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	for line := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(line, " ")
		cases = append(cases, name)
	}
	names := map[string]string{"static": "static"}
	for file, strategy := range strategies {
		names[file] = strategy
	}
	for file, strategy := range names {
		r := readReport(t, filepath.Join(root, "conformance/reports", file+".json"))
		var got []string
		for _, x := range r.Results {
			got = append(got, x.Case)
		}
		if r.Name != strategy || r.Failed > 0 || !slices.Equal(got, cases) {
			t.Errorf("%s.json is of %s, %d failed, or of other cases than there are: make conformance-reports", file, r.Name, r.Failed)
		}
	}
}
