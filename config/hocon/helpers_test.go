package hocon

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files is a file system for includes.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func env(name string) (string, bool) {
	v, ok := map[string]string{"HOME": "/home/u", "L_0": "x", "L_1": "y", "EMPTY": ""}[name]
	return v, ok
}

// load parses the texts as layers and resolves them.
func load(fsys files, layers ...string) (*Value, error) {
	tree := &Tree{}
	for _, text := range layers {
		t, err := Parse("t.conf", []byte(text), Options{ReadFile: fsys.read})
		if err != nil {
			return nil, err
		}
		tree.Merge(t)
	}
	return tree.Resolve(env)
}

func asJSON(t *testing.T, v *Value) string {
	t.Helper()
	b, err := json.Marshal(v.plain())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// check compares the value of the layers with JSON, keys sorted.
func check(t *testing.T, want string, layers ...string) {
	t.Helper()
	v, err := load(nil, layers...)
	if err != nil {
		t.Errorf("%q: %v", layers, err)
		return
	}
	if got := asJSON(t, v); got != want {
		t.Errorf("%q\n got %s\nwant %s", layers, got, want)
	}
}

// checkError wants an *Error that prints as want.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}
