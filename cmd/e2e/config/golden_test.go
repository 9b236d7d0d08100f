package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGolden checks each file of testdata by the real binary, shows what of it
// counts, and compares both with what stands in its golden file.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 18 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			s := &shell{t: t, dir: "testdata", home: t.TempDir()}
			got := strings.ReplaceAll(transcript(s, name), s.home, "/home/u")
			golden := strings.TrimSuffix(file, ".conf") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			if valid := !strings.HasPrefix(name, "bad-") && name != "not-built.conf"; valid != strings.Contains(got, "The configuration is valid.") {
				t.Error("whether the file is valid is not as its name says")
			}
		})
	}
}

// transcript is what an operator sees: the verdict, and the keys that do not
// have their default value.
func transcript(s *shell, name string) string {
	out, errs, status := s.muster("config", "check", name)
	text := fmt.Sprintf("$ muster config check %s\n%s%s[exit status %d]\n", name, errs, out, status)
	if status != 0 {
		return text
	}
	out, _, status = s.muster("config", "show", "-c", name)
	text += fmt.Sprintf("\n$ muster config show -c %s | grep -v '# default$'\n", name)
	for line := range strings.Lines(out) {
		if !strings.HasSuffix(line, "# default\n") {
			text += line
		}
	}
	return text + fmt.Sprintf("[exit status %d]\n", status)
}
