package hocon

import (
	"fmt"
	"strings"
)

// path takes a path expression and puts its elements behind those of outer:
// text with and without quotes, split at the dots outside quotes.
func (p *parser) path(outer []string) ([]string, error) {
	if path := p.plainPath(outer); path != nil {
		return path, nil
	}
	at := p.here()
	b := pathBuilder{path: outer, outer: len(outer)}
	for {
		gap := p.space()
		if p.next() == '"' {
			text, err := p.quoted()
			if err != nil {
				return outer, err
			}
			b.text(gap, text)
			b.quoted = true
			continue
		}
		text := p.unquoted(false, false)
		if text == "" {
			return b.done(p, at)
		}
		if !b.dotted(gap, text) {
			return outer, failure(at, "found an empty part in the key, expected a name on both sides of each dot (or quotes)")
		}
	}
}

// plainPath takes the common case, names with dots between them and what must
// follow a path; nil means that something else stands here.
func (p *parser) plainPath(path []string) []string {
	i, begin, levels := p.pos, p.pos, 0
	if p.next() == '"' {
		return p.quotedPath(path)
	}
	for {
		for i < len(p.text) && classOf[p.text[i]] == aText {
			i++
		}
		if levels++; i == begin || levels > maxDepth {
			return nil
		}
		path = append(path, p.text[begin:i])
		if byteAt(p.text, i) != '.' {
			break
		}
		i++
		begin = i
	}
	if !p.endsPath(i) {
		return nil
	}
	return path
}

// quotedPath takes one name in quotes, as JSON has them.
func (p *parser) quotedPath(path []string) []string {
	begin := p.pos + 1
	i := begin + plainQuoted(p.text[begin:])
	if i == begin || byteAt(p.text, i) != '"' || !p.endsPath(i+1) { // "" may be half of """
		return nil
	}
	return append(path, p.text[begin:i])
}

// endsPath moves to what must follow a path, if that is next from i on.
func (p *parser) endsPath(i int) bool {
	i = spaceEnd(p.text, i)
	switch byteAt(p.text, i) {
	case '=', ':', '{', '}':
		p.pos = i
		return true
	}
	return false
}

// pathBuilder gathers the elements of a path.
type pathBuilder struct {
	path    []string
	outer   int // elements that were there before
	elem    strings.Builder
	quoted  bool // the element has a quoted part, so it may be empty
	started bool // something was read
}

func (b *pathBuilder) text(gap, text string) {
	if b.started {
		b.elem.WriteString(gap)
	}
	b.started = true
	b.elem.WriteString(text)
}

// dotted adds text without quotes; false means an element without a name.
func (b *pathBuilder) dotted(gap, text string) bool {
	for i, part := range strings.Split(text, ".") {
		if i > 0 && !b.next() {
			return false
		}
		b.text(gap, part)
		gap = ""
	}
	return true
}

// next ends an element.
func (b *pathBuilder) next() bool {
	if b.elem.Len() == 0 && !b.quoted {
		return false
	}
	b.path = append(b.path, b.elem.String())
	b.elem.Reset()
	b.quoted = false
	return true
}

func (b *pathBuilder) done(p *parser, at pos) ([]string, error) {
	outer := b.path[:b.outer]
	switch {
	case !b.started && b.outer > 0:
		return outer, p.unexpected(fmt.Sprintf("a key within %.200s", pathText(outer)))
	case !b.started:
		return outer, p.unexpected("a key")
	case !b.next():
		return outer, failure(at, "found a dot at the end of the key, expected a name after it (or quotes)")
	case len(b.path)-b.outer > maxDepth:
		return outer, failure(at, "nested more than %d deep", maxDepth)
	}
	return b.path, nil
}

// subst takes ${path}.
func (p *parser) subst() (node, error) {
	s := &subst{at: p.place(), within: p.within}
	open := p.here()
	p.substs++
	p.skip(2)
	if p.next() == '?' {
		s.optional = true
		p.skip(1)
	}
	var err error
	if s.path, err = p.path(nil); err != nil {
		return nil, err
	}
	if p.at("[]") {
		s.envList = true
		p.skip(2)
	}
	if p.next() != '}' {
		return nil, p.unexpected("the } that closes the ${ at " + open.origin().String())
	}
	p.skip(1)
	return s, nil
}
