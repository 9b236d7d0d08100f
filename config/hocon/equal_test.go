package hocon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEqualFiles: each directory of testdata/equal says one tree in many ways.
// What a file needs beside that tree is left out of the comparison.
func TestEqualFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/equal/*/*.*")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := Parse(name, text, Options{ReadFile: os.ReadFile})
		if err != nil {
			t.Error(err)
			continue
		}
		v, err := tree.Resolve(nil)
		if err != nil {
			t.Error(err)
			continue
		}
		original, err := os.ReadFile(filepath.Join(filepath.Dir(name), "original.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]any
		if err := json.Unmarshal(original, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(asJSON(t, v)), &got); err != nil {
			t.Fatal(err)
		}
		for key := range got {
			if _, ok := want[key]; !ok && filepath.Base(name) == "substitutions.conf" {
				delete(got, key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}
