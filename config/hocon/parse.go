package hocon

import (
	"fmt"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// Options say what a text may reach beyond itself.
type Options struct {
	// ReadFile returns the content of an included file; an error that wraps
	// fs.ErrNotExist makes an include that is not required empty. nil refuses
	// includes.
	ReadFile func(name string) ([]byte, error)
}

// Parse reads text as a whole file of that name. Its root may be a list. A
// text is at most 1 MiB, and nested at most 100 deep.
func Parse(name string, text []byte, o Options) (*Tree, error) {
	p := &parser{lexer: newLexer(name, string(text)), loads: &loads{read: o.ReadFile, open: []string{filepath.Clean(name)}}}
	if err := p.loads.count(p.here(), len(text)); err != nil {
		return nil, err
	}
	root, err := p.document(scope{path: []string{}})
	if err != nil {
		return nil, err
	}
	return treeOf(root.origin(), root), nil
}

// Setting reads value as the value of key, a path expression, as a variable
// or a flag gives them. Line and column count in value alone; all that is
// read has the Origin that consists of name.
func Setting(name, key, value string) (*Tree, error) {
	path, err := ParsePath(name, key)
	if err != nil {
		return nil, err
	}
	p := &parser{lexer: newLexer(name, value), loads: &loads{}, setting: true}
	if err := p.loads.count(p.here(), len(value)); err != nil {
		return nil, err
	}
	if !utf8.ValidString(value) {
		return nil, notUTF8(name, value)
	}
	n, err := p.onlyValue(scope{path: path})
	if err != nil {
		return nil, err
	}
	return treeOf(p.place(), wrap(path, p.place(), n)), nil
}

// Literal is a tree with text, taken as it is, at path.
func Literal(name string, path []string, text string) *Tree {
	at := Origin{Name: name}
	return treeOf(at, wrap(path, at, &scalar{at: at, kind: String, text: text}))
}

// ParsePath splits a path expression such as a."b.c".d.
func ParsePath(name, text string) ([]string, error) {
	if !utf8.ValidString(text) {
		return nil, notUTF8(name, text)
	}
	p := &parser{lexer: newLexer(name, text)}
	path, err := p.path(nil)
	if err == nil && p.peek() != eof {
		err = p.unexpected("the end of the key")
	}
	return path, err
}

// parser reads one text into nodes.
type parser struct {
	lexer
	loads   *loads
	within  []string // the path of the include that this text is
	depth   int
	substs  int
	setting bool // the text is one value, not a file
}

// scope is where in the tree the parser is.
type scope struct {
	path   []string // from the root
	listed bool     // within a list, where no path leads
	elem   bool     // directly within a list
}

// place is the origin recorded for the thing that begins here.
func (p *parser) place() Origin {
	if p.setting {
		return Origin{Name: p.name}
	}
	return p.here()
}

func (p *parser) document(sc scope) (node, error) {
	if !utf8.ValidString(p.src) {
		return nil, notUTF8(p.name, p.src)
	}
	p.blank()
	var root node
	var err error
	switch p.peek() {
	case '[':
		root, err = p.list(sc)
	case '{':
		root, err = p.object(sc)
	default:
		o := newObject(p.place())
		return o, p.fields(o, sc, eof)
	}
	if err != nil {
		return nil, err
	}
	if p.blank(); p.peek() != eof {
		return nil, p.unexpected("the end of the file")
	}
	return root, nil
}

func (p *parser) onlyValue(sc scope) (node, error) {
	if p.space(); p.peek() == eof {
		return &scalar{at: p.place(), kind: String}, nil
	}
	n, err := p.value(sc)
	if err != nil {
		return nil, err
	}
	// A comment would cut a value short without a word, so there is none here.
	for isSpace(p.peek()) {
		p.skip(utf8.RuneLen(p.peek()))
	}
	if p.peek() != eof {
		return nil, p.unexpected("the end of the value (text that contains it needs quotes)")
	}
	return n, nil
}

func (p *parser) enter(levels int) error {
	if p.depth += levels; p.depth > maxDepth {
		return failure(p.here(), "nested more than %d deep", maxDepth)
	}
	return nil
}

// object takes { fields }.
func (p *parser) object(sc scope) (node, error) {
	o := newObject(p.place())
	if err := p.enter(1); err != nil {
		return nil, err
	}
	p.skip(1)
	if err := p.fields(o, sc, '}'); err != nil {
		return nil, err
	}
	p.skip(1)
	p.depth--
	return o, nil
}

// fields takes fields up to closer and leaves the parser there.
func (p *parser) fields(o *object, sc scope, closer rune) error {
	for {
		p.blank()
		switch r := p.peek(); {
		case r == closer:
			return nil
		case r == eof:
			return failure(p.here(), "found the end of the text, expected the } that closes the { at %s", o.at)
		}
		if err := p.field(o, sc); err != nil {
			return err
		}
		if err := p.separator(closer); err != nil {
			return err
		}
	}
}

// separator takes what stands between two fields or elements.
func (p *parser) separator(closer rune) error {
	newline := p.blank()
	switch r := p.peek(); {
	case r == ',':
		p.skip(1)
	case r != closer && !newline:
		return p.unexpected("a comma, a new line or " + closing(closer))
	}
	return nil
}

func closing(closer rune) string {
	if closer == eof {
		return "the end of the file"
	}
	return "the closing " + string(closer)
}

// field takes one key with its value, or an include.
func (p *parser) field(o *object, sc scope) error {
	if p.atInclude() {
		return p.include(o, sc)
	}
	at := p.place()
	path, err := p.path(sc.path)
	if err != nil {
		return err
	}
	if err := p.enter(len(path) - 1); err != nil {
		return err
	}
	n, err := p.assigned(at, scope{path: slices.Concat(sc.path, path), listed: sc.listed})
	if err != nil {
		return err
	}
	p.depth -= len(path) - 1
	o.field(path[0], at).push(wrap(path[1:], at, n))
	return nil
}

// assigned takes the separator after a key, and the value.
func (p *parser) assigned(at Origin, sc scope) (node, error) {
	p.blank()
	switch {
	case p.at("{"):
		return p.value(sc)
	case p.at("+="):
		p.skip(2)
		return p.added(at, sc)
	case p.at("="), p.at(":"):
		p.skip(1)
		p.blank()
		return p.value(sc)
	}
	return nil, p.unexpected("= or : or += or { after the key " + fmt.Sprintf("%.200s", pathText(sc.path)))
}

// added takes the value of +=, which stands for ${?key} [value].
func (p *parser) added(at Origin, sc scope) (node, error) {
	if sc.listed {
		return nil, failure(at, "found += within a list, expected = or :")
	}
	before := p.substs
	p.blank()
	n, err := p.value(sc)
	if err != nil {
		return nil, err
	}
	more := &list{at: n.origin(), elems: []node{n}, plain: p.substs == before}
	self := &subst{at: at, path: sc.path, optional: true}
	return &concat{at: n.origin(), parts: []node{self, more}, grows: true}, nil
}

// list takes [ elements ].
func (p *parser) list(sc scope) (node, error) {
	l := &list{at: p.place()}
	open, before := p.here(), p.substs
	if err := p.enter(1); err != nil {
		return nil, err
	}
	p.skip(1)
	for p.blank(); p.peek() != ']'; p.blank() {
		if p.peek() == eof {
			return nil, failure(p.here(), "found the end of the text, expected the ] that closes the [ at %s", open)
		}
		n, err := p.value(scope{path: sc.path, listed: true, elem: true})
		if err != nil {
			return nil, err
		}
		l.elems = append(l.elems, n)
		if err := p.separator(']'); err != nil {
			return nil, err
		}
	}
	p.skip(1)
	p.depth--
	l.plain = p.substs == before
	return l, nil
}
