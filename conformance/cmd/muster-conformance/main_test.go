package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/conformance/strategy"
)

var update = flag.Bool("update", false, "write the table of docs/conformance.md anew")

// call runs the command line.
func call(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, bad bytes.Buffer
	status = run(t.Context(), args, &out, &bad)
	return status, out.String(), bad.String()
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"", 2, "usage: muster-conformance"},
		{"--plugin x", 2, "usage: muster-conformance"},
		{"--nonsense", 2, "not defined"},
		{"--help", 0, "usage: muster-conformance"},
		{"--plugin /nowhere/x --fixture /nowhere/y", 1, "fixture:"},
		{"--plugin /nowhere/x --fixture /bin/true", 1, "plugin:"},
		{"--plugin /bin/true --fixture /bin/true --run nothing-of-this-name", 1, "no case of that name"},
		{"--plugin /bin/true --fixture /bin/true", 1, "the plugin does not start"},
	} {
		status, _, stderr := call(t, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: status %d, %q", c.args, status, stderr)
		}
	}
}

func TestList(t *testing.T) {
	status, stdout, _ := call(t, "--list")
	if status != 0 || strings.Count(stdout, "\n") != len(strategy.Cases()) || !strings.Contains(stdout, "claim.contest") {
		t.Errorf("status %d:\n%s", status, stdout)
	}
}

// script is a fixture program with a body for each verb.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixture")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncase $1 in\n"+body+"\nesac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func buildStatic(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "muster-discovery-static")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = "../../../plugins/static"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// A run leaves its reports, and its status tells of failures.
func TestReports(t *testing.T) {
	plugin, dir := buildStatic(t), t.TempDir()
	good := script(t, `up) echo '{"config":{"seeds":[]},"traits":["no-identity"]}' ;; down) ;; *) exit 3 ;;`)
	args := []string{"--plugin", plugin, "--fixture", good, "--run", "discover.empty"}
	files := []string{"--json", filepath.Join(dir, "r.json"), "--junit", filepath.Join(dir, "r.xml")}
	if status, stdout, stderr := call(t, append(args, files...)...); status != 0 || !strings.Contains(stdout, "1 passed, 0 failed, 0 skipped") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	var report strategy.Report
	text, err := os.ReadFile(filepath.Join(dir, "r.json"))
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil || report.Passed != 1 || len(report.SHA256) != 64 || report.Results[0].Case != "discover.empty" {
		t.Errorf("%v: %s", err, text)
	}
	text, err = os.ReadFile(filepath.Join(dir, "r.xml"))
	if err == nil {
		err = xml.Unmarshal(text, &struct{}{})
	}
	if err != nil || !strings.Contains(string(text), `<testsuite name="muster-discovery-static" tests="1" failures="0" skipped="0">`) {
		t.Errorf("%v: %s", err, text)
	}
	bad := script(t, `up) echo '{"config":{"seeds":["10.0.0.1:1"]}}' ;; down) ;; *) exit 3 ;;`)
	args[3] = bad
	if status, stdout, _ := call(t, args...); status != 1 || !strings.Contains(stdout, "FAIL  discover.empty") {
		t.Errorf("status %d, %q", status, stdout)
	}
}

// What a fixture does wrong is told as such.
func TestBadFixtures(t *testing.T) {
	plugin := buildStatic(t)
	for body, says := range map[string]string{
		`*) ;;`:                               "fixture up: printed no config",
		`*) echo nonsense ;;`:                 "printed what is no reply",
		`*) echo '{"confg":1}' ;;`:            "printed what is no reply",
		`*) echo it is broken >&2; exit 1 ;;`: "it is broken",
	} {
		status, stdout, _ := call(t, "--plugin", plugin, "--fixture", script(t, body), "--run", "discover.empty")
		if status != 1 || !strings.Contains(stdout, says) {
			t.Errorf("%s: status %d, %q", body, status, stdout)
		}
	}
}

// The page of the cases lists those that there are.
func TestPage(t *testing.T) {
	const path, begin, end = "../../../docs/conformance.md", "<!-- cases -->\n", "<!-- end of cases -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), begin)
	_, foot, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the cases", path)
	}
	want := head + begin + table() + end + foot
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, string(text)); diff != "" && !*update {
		t.Errorf("make conformance-docs writes it anew (-want +got):\n%s", diff)
	}
}

func table() string {
	names := [...]string{"", "WATCH", "REGISTER", "CLAIM"}
	var b strings.Builder
	b.WriteString("\n| case | needs | promise |\n|---|---|---|\n")
	for _, c := range strategy.Cases() {
		var needs []string
		for _, n := range c.Needs {
			needs = append(needs, names[n])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, strings.Join(needs, ", "), c.Sentence)
	}
	b.WriteString("\n")
	return b.String()
}
