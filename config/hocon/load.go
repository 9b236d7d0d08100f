package hocon

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// loads counts what one Parse has read, across all includes.
type loads struct {
	read  func(name string) ([]byte, error)
	open  []string // the file and the includes that lead here
	files int
	bytes int
}

func (l *loads) count(at pos, bytes int) error {
	l.bytes += bytes
	switch {
	case bytes > maxText:
		return failure(at, "found %d bytes, expected at most %d in one text", bytes, maxText)
	case l.bytes > maxTotal:
		return failure(at, "found more than %d bytes with all that is included", maxTotal)
	}
	return nil
}

// load reads the files of an include into o.
func (p *parser) load(o *object, sc scope, inc included, groups [][]string) error {
	if p.loads.read == nil {
		return failure(inc.at, "found an include, which has no place here")
	}
	if p.loads.files++; p.loads.files > maxIncludes {
		return failure(inc.at, "more than %d includes", maxIncludes)
	}
	found := false
	for _, names := range groups {
		for _, name := range names {
			sub, err := p.loadFile(sc, inc, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			o.merge(sub)
			found = true
		}
		if found {
			return nil
		}
	}
	if !inc.required {
		return nil
	}
	name := groups[len(groups)-1][0]
	return &Error{At: inc.at.origin(), Msg: "cannot include " + name + ": there is no such file", Err: fs.ErrNotExist}
}

// loadFile parses one file. An error that wraps fs.ErrNotExist says that there
// is none.
func (p *parser) loadFile(sc scope, inc included, name string) (*object, error) {
	l := p.loads
	switch {
	case slices.Contains(l.open, name):
		return nil, failure(inc.at, "include of a file within itself: %s", strings.Join(append(l.open, name), " > "))
	case len(l.open) > maxNested:
		return nil, failure(inc.at, "includes within includes more than %d deep", maxNested)
	}
	text, err := l.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, &Error{At: inc.at.origin(), Msg: "cannot include " + name + ": " + err.Error(), Err: err}
	}
	if err := l.count(inc.at, len(text)); err != nil {
		return nil, err
	}
	l.open = append(l.open, name)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	return p.sub(sc, inc, name, string(text))
}

// sub parses an included text, whose root must be an object.
func (p *parser) sub(sc scope, inc included, name, text string) (*object, error) {
	in := newParser(name, text, p.loads)
	in.trail, in.depth = slices.Clone(p.trail), p.depth
	in.within = in.trail
	if filepath.Ext(name) == ".properties" {
		return in.properties()
	}
	root, err := in.document(sc)
	if err != nil {
		return nil, err
	}
	o, ok := root.(*object)
	switch {
	case !ok:
		return nil, failure(root.place(), "found a list, expected an object in an included file")
	case sc.listed && in.substs > 0:
		// They would have to be looked up from the root of that file first,
		// and no path leads there.
		return nil, failure(inc.at, "found substitutions in a file included within a list, expected none (move the include out of the list)")
	}
	p.substs += in.substs
	return o, nil
}
