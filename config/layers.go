package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/muster-mqtt/muster/config/hocon"
)

// reference holds every key with its default.
//
//go:embed reference.conf
var reference []byte

const referenceName = "built-in reference.conf"

// maxFiles is how many files --config-dir and -c may give together.
const maxFiles = 100

// Options say where a configuration comes from; all may be empty.
type Options struct {
	ConfigDir string   // its *.conf, *.hocon and *.json files, in name order
	Files     []string // each overrides those before it
	Environ   []string // NAME=value, as os.Environ gives them
	Set       []string // key=value, the value in HOCON
	Overrides []Override
}

// Override is a value from a flag of its own, such as --node.
type Override struct {
	Path   string // of the key
	Value  string // taken literally; lists with commas
	Source string // for errors and Show: "flag --node"
}

// loader gathers the layers, and all that is wrong with them.
type loader struct {
	environ map[string]string
	prefix  string
	schema  *branch
	tree    *hocon.Tree
	// effective holds the result for what hands on a part of it as it is.
	effective *koanf.Koanf
	errs      []error
	warns     []string
	ignored   []string // keys of features that muster lacks, with their places
	files     []string // read, or looked for
}

func (l *loader) fail(err error) { l.errs = append(l.errs, err) }

// failAt reports what is wrong between keys, at the place where the one of
// path was set.
func (l *loader) failAt(c *Config, path, msg string) {
	if at := c.placeOf(path); at != "" {
		msg = at + ": " + msg
	}
	l.fail(errors.New(msg))
}

// placeOf is where a key was set, "" if nobody did.
func (c *Config) placeOf(path string) string {
	for _, e := range c.entries {
		if e.Path == path && e.Source != "default" {
			return e.Source
		}
	}
	return ""
}

func (l *loader) warn(format string, args ...any) {
	l.warns = append(l.warns, fmt.Sprintf(format, args...))
}

// layer lays one more tree on top, older spellings renamed.
func (l *loader) layer(t *hocon.Tree, err error) {
	if err != nil {
		l.fail(err)
		return
	}
	told := map[string]bool{}
	for _, r := range t.Rename(olderSpellings, newerSpellings) {
		if !told[r.Old] {
			l.warn("%s: %s is an older spelling of %s", r.At, r.Old, r.New)
		}
		told[r.Old] = true
	}
	l.tree.Merge(t)
}

func (l *loader) layers(o Options) {
	l.layer(hocon.Parse(referenceName, reference, hocon.Options{}))
	files := append(l.dir(o.ConfigDir), o.Files...)
	if len(files) > maxFiles {
		l.fail(fmt.Errorf("found %d configuration files, expected at most %d", len(files), maxFiles))
		return
	}
	for _, name := range files {
		l.file(name)
	}
	l.environment()
	for _, set := range o.Set {
		key, value, ok := strings.Cut(set, "=")
		if source := "flag --set " + strings.TrimSpace(key); ok {
			l.layer(hocon.Setting(source, key, value))
		} else {
			l.fail(fmt.Errorf("%s: expected key=value", short(source)))
		}
	}
	for _, over := range o.Overrides {
		path, err := hocon.ParsePath(over.Source, over.Path)
		l.layer(hocon.Literal(over.Source, path, over.Value), err)
	}
}

// dir lists the configuration files of a directory. Names that begin with a
// dot are skipped: a mounted ConfigMap keeps its generations under such.
func (l *loader) dir(name string) []string {
	if name == "" {
		return nil
	}
	l.files = append(l.files, name)
	entries, err := os.ReadDir(name)
	if err != nil {
		l.fail(fmt.Errorf("cannot read the configuration directory: %w", err))
	}
	var files []string
	for _, e := range entries { // in name order
		kinds := []string{".conf", ".hocon", ".json"}
		if !strings.HasPrefix(e.Name(), ".") && slices.Contains(kinds, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	return files
}

func (l *loader) file(name string) {
	text, err := l.readFile(name)
	if err != nil {
		l.fail(fmt.Errorf("cannot read the configuration: %w", err))
		return
	}
	l.layer(hocon.Parse(name, text, hocon.Options{ReadFile: l.readFile}))
}

// readFile reads a file and remembers it, also one that is not there (yet).
func (l *loader) readFile(name string) ([]byte, error) {
	l.files = append(l.files, name)
	return readFile(name)
}

// maxFile is one byte more than the parser takes, so that it says so.
const maxFile = 1<<20 + 1

// readFile reads a regular file; another kind might never end, or block.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
