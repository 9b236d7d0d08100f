package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSlicesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range slices {
		if s.name == "" || seen[s.name] || s.about == "" || len(s.steps) == 0 {
			t.Errorf("slice %q: wants a name of its own, a sentence and steps", s.name)
		}
		seen[s.name] = true
	}
}

func TestList(t *testing.T) {
	var out strings.Builder
	if err := prove(t.Context(), t.TempDir(), "", &out); err != nil {
		t.Fatal(err)
	}
	for _, s := range slices {
		if !strings.Contains(out.String(), "SLICE="+s.name) {
			t.Errorf("the list lacks %q", s.name)
		}
	}
}

func TestUnknownSlice(t *testing.T) {
	err := prove(t.Context(), t.TempDir(), "nonsense", io.Discard)
	if err == nil || !strings.Contains(err.Error(), `no slice "nonsense"`) {
		t.Errorf("error %v", err)
	}
}

func TestReportIsKept(t *testing.T) {
	root := t.TempDir()
	good := slice{"good", "it works", [][]string{{"echo", "one"}, {"echo", "two"}}}
	bad := slice{"bad", "it fails", [][]string{{"sh", "-c", "echo broken; exit 3"}, {"echo", "never"}}}
	if err := keep(t.Context(), root, good, io.Discard); err != nil {
		t.Error(err)
	}
	if err := keep(t.Context(), root, bad, io.Discard); err == nil {
		t.Error("a failing step passed")
	}
	want := map[string][]string{
		"good": {"# Proof: good", "it works.", "cores, load", "`echo two`: passed", "two\n```"},
		"bad":  {"FAILED (exit status 3)", "broken"},
	}
	for name, words := range want {
		text, err := os.ReadFile(filepath.Join(root, "docs", "proofs", name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q:\n%s", name, w, text)
			}
		}
		if strings.Contains(string(text), "never") {
			t.Error("a step ran after the one that failed")
		}
	}
}

func TestStepEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pipe, out := io.Pipe()
	go func() {
		_, _ = pipe.Read(make([]byte, 1)) // the step lives
		cancel()
		_, _ = io.Copy(io.Discard, pipe)
	}()
	_, err := step(ctx, t.TempDir(), []string{"sh", "-c", "echo up; sleep 1000 & wait"}, out)
	_ = out.Close()
	if err == nil {
		t.Error("a step that was stopped passed")
	}
}

func TestTail(t *testing.T) {
	var kept tail
	for range maxTail {
		_, _ = kept.Write([]byte("line\n"))
	}
	text := kept.String()
	if len(text) > maxTail+100 || !strings.HasPrefix(text, "(the beginning was left out)\nline\n") {
		t.Errorf("kept %d bytes, beginning %q", len(text), text[:40])
	}
	kept = tail{}
	_, _ = kept.Write([]byte("short"))
	if kept.String() != "short\n" {
		t.Errorf("kept %q", kept.String())
	}
}
