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

func (l *loads) count(at Origin, bytes int) error {
	l.bytes += bytes
	switch {
	case bytes > maxText:
		return failure(at, "found %d bytes, expected at most %d in one text", bytes, maxText)
	case l.bytes > maxTotal:
		return failure(at, "found more than %d bytes with all that is included", maxTotal)
	}
	return nil
}

// atInclude tells whether an include begins here, rather than a key.
func (p *parser) atInclude() bool {
	after, ok := strings.CutPrefix(p.rest(), "include")
	r := firstRune(after)
	return ok && (r == eof || isSpace(r) || r == '"' || forbidden(r))
}

// includeArgAhead tells whether s, after the word include, goes on as one.
func includeArgAhead(s string) bool {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return r != '\n' && isSpace(r) })
	for _, arg := range []string{`"`, "required(", "file("} {
		if strings.HasPrefix(s, arg) {
			return true
		}
	}
	return false
}

// included is what an include statement says.
type included struct {
	at       Origin
	name     string
	required bool
}

func (p *parser) include(o *object, sc scope) error {
	at := p.here()
	p.skip(len("include"))
	p.space()
	inc := included{at: at}
	if err := p.includeArg(&inc); err != nil {
		return err
	}
	sub, err := p.load(inc, sc)
	if err == nil && sub != nil {
		o.merge(sub)
	}
	return err
}

// includeArg takes "name", file("name") or required(either).
func (p *parser) includeArg(inc *included) error {
	for _, call := range []string{"required(", "file("} {
		if !p.at(call) || call == "required(" && inc.required {
			continue
		}
		p.skip(len(call))
		p.space()
		inc.required = inc.required || call == "required("
		if err := p.includeArg(inc); err != nil {
			return err
		}
		if p.space(); !p.at(")") {
			return p.unexpected("the ) that closes " + call)
		}
		p.skip(1)
		return nil
	}
	for _, call := range []string{"url(", "classpath(", "package("} {
		if p.at(call) {
			return failure(p.here(), "found %s), expected a file: this reader includes files only", call)
		}
	}
	if !p.at(`"`) {
		return p.unexpected(`a file name in quotes, file("…") or required("…") after include`)
	}
	var err error
	inc.name, err = p.quoted()
	return err
}

// load parses the file of an include; nil means that there is none.
func (p *parser) load(inc included, sc scope) (*object, error) {
	name := filepath.Clean(inc.name)
	if open := p.loads.open; len(open) > 0 && !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(open[len(open)-1]), name)
	}
	if err := p.mayLoad(inc, name); err != nil {
		return nil, err
	}
	text, err := p.loads.read(name)
	if errors.Is(err, fs.ErrNotExist) && !inc.required {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{At: inc.at, Msg: "cannot include " + name + ": " + err.Error(), Err: err}
	}
	if err := p.loads.count(inc.at, len(text)); err != nil {
		return nil, err
	}
	p.loads.open = append(p.loads.open, name)
	defer func() { p.loads.open = p.loads.open[:len(p.loads.open)-1] }()
	return p.sub(name, string(text), sc)
}

func (p *parser) mayLoad(inc included, name string) error {
	l := p.loads
	l.files++
	switch {
	case inc.name == "":
		return failure(inc.at, "found an empty file name, expected the file to include")
	case len(inc.name) > maxFileName:
		return failure(inc.at, "found a file name of %d bytes, expected at most %d", len(inc.name), maxFileName)
	case l.read == nil:
		return failure(inc.at, "found an include, which has no place here")
	case slices.Contains(l.open, name):
		return failure(inc.at, "include of a file within itself: %s", strings.Join(append(l.open, name), " > "))
	case len(l.open) > maxNested:
		return failure(inc.at, "includes within includes more than %d deep", maxNested)
	case l.files > maxIncludes:
		return failure(inc.at, "more than %d includes", maxIncludes)
	}
	return nil
}

// sub parses an included text, whose root must be an object.
func (p *parser) sub(name, text string, sc scope) (*object, error) {
	in := &parser{lexer: newLexer(name, text), loads: p.loads, within: sc.path, depth: p.depth}
	if sc.listed {
		in.within = nil
	}
	root, err := in.document(sc)
	if err != nil {
		return nil, err
	}
	p.substs += in.substs
	o, ok := root.(*object)
	if !ok {
		return nil, failure(root.origin(), "found a list, expected an object in an included file")
	}
	return o, nil
}
