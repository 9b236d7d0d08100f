package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// lines writes events as "go test -json" does.
func lines(t *testing.T, events ...event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func TestReport(t *testing.T) {
	said := func(test, text string) event {
		return event{Action: "output", Package: "p", Test: test, Output: text + "\n"}
	}
	ended := func(test, action string) event { return event{Action: action, Package: "p", Test: test} }
	table := []struct {
		name   string
		input  string
		strict bool
		ok     bool
		want   string
	}{
		{"pass is silent", lines(t, said("TestA", "chatter"), ended("TestA", "pass"), said("", "ok  \tp\t0.1s"), ended("", "pass")), true, true, "ok  \tp\t0.1s\n"},
		{"failure tells all", lines(t, said("TestA", "a_test.go:3: why"), ended("TestA", "fail"), said("", "FAIL\tp\t0.1s"), ended("", "fail")), false, false, "a_test.go:3: why\nFAIL\tp\t0.1s\n"},
		{"output of the package itself", lines(t, said("", "panic: x"), ended("", "fail")), false, false, "panic: x\n"},
		{"a test that never ended", lines(t, said("TestA", "panic: test timed out"), ended("", "fail")), false, false, "panic: test timed out\n"},
		{"skip at home", lines(t, said("TestA", "    a_test.go:1: skip: no protoc"), ended("TestA", "skip")), false, true, "skipped: p TestA: skip: no protoc\n"},
		{"skip in CI", lines(t, said("TestA", "skip: no protoc"), ended("TestA", "skip")), true, false, "skipped: p TestA: skip: no protoc\nFAIL: 1 tests were skipped, and MUSTER_NO_SKIP=1 allows none\n"},
		{"input that a fuzz target passes over", lines(t, said("FuzzA/seed#0", "too long"), ended("FuzzA/seed#0", "skip")), true, true, ""},
		{"package without tests", lines(t, said("", "?   \tp\t[no test files]"), ended("", "skip")), true, true, "?   \tp\t[no test files]\n"},
		{"build failure", lines(t, event{Action: "build-output", ImportPath: "p", Output: "a.go:1: broken\n"}, event{Action: "build-fail", ImportPath: "p"}), false, false, "a.go:1: broken\n"},
		{"the go command itself", "go: no such module\n{not json\n", false, true, "go: no such module\n{not json\n"},
	}
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.input)); err != nil {
				t.Fatal(err)
			}
			ok := r.close(c.strict)
			if ok != c.ok || out.String() != c.want {
				t.Errorf("passes = %v, prints %q; want %v, %q", ok, out.String(), c.ok, c.want)
			}
			if len(r.kept) > 0 {
				t.Errorf("keeps output of tests that ended: %q", r.kept)
			}
		})
	}
}

func TestReportBoundsWhatItKeeps(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	line := strings.Repeat("x", 1<<10) + "\n"
	for range 10 * maxKept / len(line) {
		r.event(event{Action: "output", Package: "p", Test: "TestA", Output: line})
	}
	r.event(event{Action: "fail", Package: "p", Test: "TestA"})
	if n := out.Len(); n > 2*maxKept || !strings.Contains(out.String(), "left out") {
		t.Errorf("printed %d bytes of a test that said ten times the bound", n)
	}
}

func FuzzReport(f *testing.F) {
	f.Add(`{"Action":"output","Package":"p","Test":"T","Output":"skip: x"}` + "\n" + `{"Action":"skip","Package":"p","Test":"T"}`)
	f.Fuzz(func(t *testing.T, input string) {
		var out strings.Builder
		r := newReport(&out)
		if err := r.read(strings.NewReader(input)); err == nil && r.close(true) && strings.Contains(out.String(), "skipped:") {
			t.Errorf("a skip passed: %q", out.String())
		}
	})
}
