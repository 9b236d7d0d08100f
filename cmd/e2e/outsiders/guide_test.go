package outsiders

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
)

// block is a fenced block of a page.
type block struct {
	line     int    // of the fence
	language string // after the fence
	file     string // where the paragraph before it says to save it
	text     string
}

var saveAs = regexp.MustCompile("Save (?:anew )?as `([^`]+)`:$")

// blocks returns the fenced blocks of a page in Markdown.
func blocks(page string) (out []block) {
	var inside *block
	paragraph := ""
	number := 0
	for line := range strings.Lines(page) {
		number++
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && inside != nil:
			out = append(out, *inside)
			inside = nil
		case isFence:
			inside = &block{line: number, language: strings.TrimSpace(fence)}
			if m := saveAs.FindStringSubmatch(strings.TrimSpace(paragraph)); m != nil {
				inside.file = m[1]
			}
			paragraph = ""
		case inside != nil:
			inside.text += line
		case strings.TrimSpace(line) != "":
			paragraph += strings.TrimSpace(line) + " "
		default:
			if saveAs.MatchString(strings.TrimSpace(paragraph)) {
				continue // the fence comes after an empty line
			}
			paragraph = ""
		}
	}
	return out
}

// missing returns the first line of want that is not in got, in the order of
// want; "…" stands for anything, and white space does not count.
func missing(got, want string) string {
	lines := strings.Split(got, "\n")
	for line := range strings.Lines(want) {
		if line = plain(line); line == "…" || line == "" {
			continue
		}
		exp := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
		for len(lines) > 0 && !exp.MatchString(plain(lines[0])) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return line
		}
		lines = lines[1:]
	}
	return ""
}

func plain(line string) string { return strings.Join(strings.Fields(line), " ") }

// The commands of the guide do what the guide says, in a copy of the tree that
// is called muster, as a clone would be.
func TestGuide(t *testing.T) {
	python(t)
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/plugin-guide.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyTree(t, root, filepath.Join(dir, "muster"))
	moved := strings.NewReplacer("1437", freeTen(t), "1188", freeTen(t))
	t.Cleanup(func() { stopAll(dir) })
	output := ""
	for _, b := range blocks(moved.Replace(string(page))) {
		switch {
		case b.file != "":
			if err := os.WriteFile(filepath.Join(dir, b.file), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.language == "sh":
			output = shell(t, dir, b)
		case b.language == "text":
			if line := missing(output, b.text); line != "" {
				t.Fatalf("line %d of the guide shows\n%s\nwhich is not in\n%s", b.line, line, output)
			}
		case b.language != "console": // that is for the reader alone
			t.Errorf("line %d of the guide: a block of %q, which nobody runs", b.line, b.language)
		}
	}
}

// shell runs a block and returns what it prints.
func shell(t *testing.T, dir string, b block) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.text)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second // for a node that it left running
	began := time.Now()
	text, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("line %d of the guide: %v\n%s\n%s", b.line, err, b.text, text)
	}
	t.Logf("line %d: %v", b.line, time.Since(began).Round(time.Millisecond))
	return string(text)
}

// stopAll stops the nodes of a guide that has failed midway.
func stopAll(dir string) {
	nodes, _ := filepath.Glob(filepath.Join(dir, "*", "n[0-9]"))
	for _, data := range nodes {
		_ = exec.Command(filepath.Join(bin, "muster"), "stop", "--data-dir", data).Run()
	}
}

// freeTen returns the first four digits of ten ports that are free.
func freeTen(t *testing.T) string {
	t.Helper()
	low, err := ports.Row(10)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(low / 10)
}

// copyTree copies the sources, without what is built of them. Others may be at
// work in the tree: a file that vanishes meanwhile is none of ours.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case rel == ".git" || rel == "bin" || rel == "build":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		return copyFile(path, filepath.Join(to, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, readErr := os.ReadFile(from)
	if err = errors.Join(err, readErr); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// What the test of the guide stands on.
func TestBlocks(t *testing.T) {
	page := "Text.\n\n```sh\na\nb\n```\n\nA file. Save anew as\n`d/f.go`:\n\n```go\nc\n```\n\nSave as `x` what you like.\n\n```text\n```\n"
	got := blocks(page)
	want := []block{{3, "sh", "", "a\nb\n"}, {11, "go", "d/f.go", "c\n"}, {17, "text", "", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	output := "one 1\n  two   2\nthree (3)\nfour\n"
	for shown, want := range map[string]string{
		"one 1\ntwo 2\n": "", "…\nthree (3)\n": "", "one …\n…\nf…\n": "", "": "",
		"two 2\none 1\n": "one 1", "three .3.\n": "three .3.", "on\n": "on", "four\nfour\n": "four",
	} {
		if got := missing(output, shown); got != want {
			t.Errorf("%q: %q is missing, want %q", shown, got, want)
		}
	}
}
