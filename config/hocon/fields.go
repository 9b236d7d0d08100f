package hocon

import (
	"fmt"
	"slices"
)

func (p *parser) enter(levels int) error {
	if p.depth += levels; p.depth > maxDepth {
		return failure(p.here(), "nested more than %d deep", maxDepth)
	}
	return nil
}

// object takes { fields }.
func (p *parser) object(sc scope) (node, error) {
	o := p.slabs.object(p.place())
	if err := p.enter(1); err != nil {
		return nil, err
	}
	p.skip(1)
	if err := p.fields(o, scope{listed: sc.listed}, '}'); err != nil {
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
			return failure(p.here(), "found the end of the text, expected the } that closes the { at %s", o.at.origin())
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
func (p *parser) field(o *object, sc scope) (err error) {
	if p.next() == 'i' && p.atInclude() {
		return p.include(o, sc)
	}
	at := p.place()
	outer := len(p.trail)
	if p.trail, err = p.path(p.trail); err != nil {
		return err
	}
	path := p.trail[outer:]
	if err := p.enter(len(path) - 1); err != nil {
		return err
	}
	n, err := p.assigned(at, sc)
	if err != nil {
		return err
	}
	p.depth -= len(path) - 1
	p.trail = p.trail[:outer]
	p.put(o, path, at, n)
	return nil
}

// assigned takes the separator after a key, and the value.
func (p *parser) assigned(at pos, sc scope) (node, error) {
	p.blank()
	switch c := p.next(); {
	case c == '{':
		return p.value(sc)
	case c == '+' && p.at("+="):
		p.skip(2)
		return p.added(at, sc)
	case c == '=', c == ':':
		p.skip(1)
		p.blank()
		return p.value(sc)
	}
	return nil, p.unexpected("= or : or += or { after the key " + fmt.Sprintf("%.200s", pathText(p.trail)))
}

// added takes the value of +=, which stands for ${?key} [value].
func (p *parser) added(at pos, sc scope) (node, error) {
	if sc.listed {
		return nil, failure(at, "found += within a list, expected = or :")
	}
	before := p.substs
	p.blank()
	n, err := p.value(sc)
	if err != nil {
		return nil, err
	}
	more := &list{at: n.place(), elems: []node{n}, plain: p.substs == before}
	self := &subst{at: at, path: slices.Clone(p.trail), optional: true}
	return &concat{at: n.place(), parts: []node{self, more}, grows: true}, nil
}

// list takes [ elements ].
func (p *parser) list() (node, error) {
	l := p.slabs.list(p.place())
	open, before := p.here(), p.substs
	if err := p.enter(1); err != nil {
		return nil, err
	}
	p.skip(1)
	for p.blank(); p.next() != ']'; p.blank() {
		if p.peek() == eof {
			return nil, failure(p.here(), "found the end of the text, expected the ] that closes the [ at %s", open.origin())
		}
		n, err := p.value(scope{listed: true, elem: true})
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
