package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-mqtt/muster/discovery"
)

// shown is a candidate in one word: host:port, and =name where it has one.
func shown(c discovery.Candidate) string {
	text := c.Endpoints[0].String()
	if c.ClaimedName != "" {
		text += "=" + c.ClaimedName
	}
	return text
}

func TestLines(t *testing.T) {
	for line, want := range map[string]string{
		"10.0.0.1:4370":                  "10.0.0.1:4370",
		"n1@10.0.0.1:4370":               "10.0.0.1:4370=n1@10.0.0.1",
		"[fd00::0:1]:4370":               "[fd00::1]:4370",
		"n-1~x@[FD00::1]:1":              "[fd00::1]:1=n-1~x@fd00::1",
		"[::ffff:10.0.0.1]:1":            "10.0.0.1:1",
		"Node_1.Example.ORG:1":           "node_1.example.org:1",
		"10.0.0.1":                       "host:port",
		"[10.0.0.1":                      "host:port",
		"fd00::1:4370":                   "host:port",
		":4370":                          "neither",
		"[x]:4370":                       "neither",
		"10.0.0:4370":                    "neither",
		"10.0.0.256:4370":                "neither",
		"[fe80::1%eth0]:1":               "neither",
		"a b:1":                          "neither",
		"grün.example:1":                 "neither",
		"10.0.0.1:0":                     "port",
		"10.0.0.1:65536":                 "port",
		"10.0.0.1:+1":                    "port",
		"10.0.0.1:":                      "port",
		"@10.0.0.1:1":                    "name before @",
		"a/b@10.0.0.1:1":                 "name before @",
		"a@b@10.0.0.1:1":                 "neither",
		strings.Repeat("x", 65) + "@h:1": "name before @",
		strings.Repeat("x", 254) + ":1":  "longer",
		strings.Repeat("[", 100) + "]:1": "host:port",
	} {
		c, err := parse(line)
		switch {
		case err == nil && shown(c) != want:
			t.Errorf("%q: %s, want %s", line, shown(c), want)
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
}

// A line that is no address is a warning; a file of nothing else is an error,
// as it does not say that there are no nodes.
func TestAnswers(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "[] [] ",
		"# nobody yet\n\n":             "[] [] ",
		"a:1 # the first\r\n b:2":      "[a:1 b:2] [] ",
		"a:1\nnonsense\n":              `[a:1] [line 2: "nonsense" is no address: want host:port or name@host:port] `,
		"<html>":                       `[] [] BACKEND_UNAVAILABLE: there is no address in the file; line 1: "<html>" is no address: want host:port or name@host:port`,
		"x\x00\x1b[31m:9\n10.0.0.1:9 ": `[10.0.0.1:9] [line 1: "x\x00\x1b[31m:9" is no address: want host:port or name@host:port] `,
	} {
		a, err := answer(text)
		if err == nil {
			err = fmt.Errorf("")
		}
		all := []string{}
		for _, c := range a.Candidates {
			all = append(all, shown(c))
		}
		if got := fmt.Sprintf("%v %v %v", all, a.Warnings, err); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("n1@10.0.0.1:4370\n[::1]:1 # x\nrubbish")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := answer(text)
		if err == nil && len(a.Candidates) == 0 && len(a.Warnings) > 0 || err != nil && discovery.ClassOf(err) != discovery.BackendUnavailable {
			t.Fatalf("%v, %v", a, err)
		}
		for _, c := range a.Candidates {
			name, _, _ := strings.Cut(c.ClaimedName, "@")
			again := c.Endpoints[0].String()
			if name != "" {
				again = name + "@" + again
			}
			if c2, err := parse(again); err != nil || shown(c2) != shown(c) {
				t.Errorf("%s is read again as %v, %v", again, c2, err)
			}
		}
	})
}

// The host acts by the class of an error. None of these waits, or leaves a
// descriptor behind.
func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]discovery.Class{
		filepath.Join(dir, "absent"): discovery.SourceNotFound,
		dir:                          discovery.BackendUnavailable,
		pipe:                         discovery.BackendUnavailable,
		large:                        discovery.BackendUnavailable,
		filepath.Join(large, "x"):    discovery.BackendUnavailable,
	} {
		if _, err := read(path); discovery.ClassOf(err) != want || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
