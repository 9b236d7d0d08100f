package hocon

import (
	"path/filepath"
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
	p := newParser(name, string(text), &loads{read: o.ReadFile, open: []string{filepath.Clean(name)}})
	if err := p.loads.count(p.here(), len(text)); err != nil {
		return nil, err
	}
	root, err := p.document(scope{})
	if err != nil {
		return nil, err
	}
	return treeOf(root.place(), root), nil
}

// Setting reads value as the value of key, a path expression, as a variable
// or a flag gives them. Line and column count in value alone; all that is
// read has the Origin that consists of name.
func Setting(name, key, value string) (*Tree, error) {
	path, err := ParsePath(name, key)
	if err != nil {
		return nil, err
	}
	p := newParser(name, value, &loads{})
	p.trail, p.setting = path, &source{name: name, named: true}
	if err := p.loads.count(p.here(), len(value)); err != nil {
		return nil, err
	}
	if !utf8.ValidString(value) {
		return nil, notUTF8(name, value)
	}
	n, err := p.onlyValue(scope{})
	if err != nil {
		return nil, err
	}
	return treeOf(p.place(), wrap(path, p.place(), n)), nil
}

// Literal is a tree with text, taken as it is, at path.
func Literal(name string, path []string, text string) *Tree {
	at := pos{src: &source{name: name, named: true}}
	return treeOf(at, wrap(path, at, &scalar{src: at.src, off: at.off, kind: String, text: text}))
}

// ParsePath splits a path expression such as a."b.c".d.
func ParsePath(name, text string) ([]string, error) {
	if !utf8.ValidString(text) {
		return nil, notUTF8(name, text)
	}
	p := newParser(name, text, nil)
	path, err := p.path(nil)
	if err == nil && p.peek() != eof {
		err = p.unexpected("the end of the key")
	}
	if err != nil {
		return nil, err
	}
	return path, nil
}

// parser reads one text into nodes.
type parser struct {
	lexer
	loads   *loads
	trail   []string // the path from the root to where the parser is
	within  []string // the path of the include that this text is
	depth   int
	substs  int
	setting *source // the text is one value of that name, not a file
	stack   []node  // the parts of the values under way
	slabs   slabs
}

func newParser(name, text string, l *loads) *parser {
	return &parser{lexer: newLexer(name, text), loads: l}
}

// scope is what the parser is in.
type scope struct {
	listed bool // a list, where no path leads
	elem   bool // directly a list
}

// place is the origin recorded for the thing that begins here.
func (p *parser) place() pos { return p.placeAt(p.pos) }

func (p *parser) placeAt(off int) pos {
	if p.setting != nil {
		return pos{src: p.setting}
	}
	return pos{p.src, int32(off)}
}

func (p *parser) document(sc scope) (node, error) {
	if !utf8.ValidString(p.text) {
		return nil, notUTF8(p.src.name, p.text)
	}
	p.blank()
	var root node
	var err error
	switch p.next() {
	case '[':
		root, err = p.list()
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
		return &scalar{src: p.place().src, kind: String}, nil
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
