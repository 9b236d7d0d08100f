package hocon

import (
	"fmt"
	"strings"
)

// path takes a path expression: text with and without quotes, split at the
// dots outside quotes. outer is the path that it stands within, for errors.
func (p *parser) path(outer []string) ([]string, error) {
	at := p.here()
	b := pathBuilder{}
	for {
		gap := p.space()
		switch {
		case p.at(`"`):
			text, err := p.quoted()
			if err != nil {
				return nil, err
			}
			b.text(gap, text)
			b.quoted = true
		default:
			text := p.unquoted(false, false)
			if text == "" {
				return b.done(p, at, outer)
			}
			if !b.dotted(gap, text) {
				return nil, failure(at, "found an empty part in the key, expected a name on both sides of each dot (or quotes)")
			}
		}
	}
}

// pathBuilder gathers the elements of a path.
type pathBuilder struct {
	path    []string
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

func (b *pathBuilder) done(p *parser, at Origin, outer []string) ([]string, error) {
	switch {
	case !b.started && len(outer) > 0:
		return nil, p.unexpected(fmt.Sprintf("a key within %.200s", pathText(outer)))
	case !b.started:
		return nil, p.unexpected("a key")
	case !b.next():
		return nil, failure(at, "found a dot at the end of the key, expected a name after it (or quotes)")
	case len(b.path) > maxDepth:
		return nil, failure(at, "nested more than %d deep", maxDepth)
	}
	return b.path, nil
}

// subst takes ${path}.
func (p *parser) subst() (node, error) {
	s := &subst{at: p.place(), within: p.within}
	open := p.here()
	p.substs++
	p.skip(2)
	if p.at("?") {
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
	if !p.at("}") {
		return nil, p.unexpected("the } that closes the ${ at " + open.String())
	}
	p.skip(1)
	return s, nil
}
