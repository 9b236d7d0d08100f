package hocon

import (
	"slices"
	"strings"
)

// parts collects the values that stand side by side, from base on the
// parser's stack.
type parts struct {
	base    int
	gap     int  // where the white space after the last of them begins, in bytes
	lenient bool // '@' or ':' was seen, which no strict text has
	listed  bool // directly within [ ], where a comma always separates
}

// last returns the latest part, or nil.
func (p *parser) last(ps *parts) node {
	if len(p.stack) == ps.base {
		return nil
	}
	return p.stack[len(p.stack)-1]
}

// open tells whether the last part is one that text may go on from.
func (p *parser) open(ps *parts) bool {
	switch n := p.last(ps).(type) {
	case *scalar:
		return n.raw
	case *subst:
		return true
	}
	return false
}

// add puts a part that ends here on the stack, after the white space before
// it, which begins at ps.gap and ends at begin.
func (p *parser) add(ps *parts, begin int, n node) {
	if begin > ps.gap && len(p.stack) > ps.base {
		at := p.placeAt(ps.gap)
		p.stack = append(p.stack, p.scalar(scalar{src: at.src, off: at.off, kind: String, text: p.text[ps.gap:begin], raw: true, gap: true}))
	}
	p.stack = append(p.stack, n)
	ps.gap = p.pos
}

// addText adds text without quotes from begin to here; text before it grows.
func (p *parser) addText(ps *parts, begin int) {
	text := p.text[begin:p.pos]
	ps.lenient = ps.lenient || strings.ContainsAny(text, ":@")
	if s, ok := p.last(ps).(*scalar); ok && s.raw {
		s.text = p.text[ps.gap-len(s.text) : p.pos]
		ps.gap = p.pos
		return
	}
	at := p.placeAt(begin)
	p.add(ps, begin, p.scalar(scalar{src: at.src, off: at.off, kind: String, text: text, raw: true}))
}

// value takes one value, or several on a line that make one.
func (p *parser) value(sc scope) (node, error) {
	p.space()
	if n := p.single(sc); n != nil {
		return n, nil
	}
	ps := parts{base: len(p.stack), gap: p.pos, listed: sc.elem}
	for {
		p.space()
		begin := p.pos
		if n, err := p.part(sc); err != nil {
			return nil, err
		} else if n != nil {
			p.add(&ps, begin, n)
			continue
		}
		if p.next() == ',' && p.commaIsText(&ps) {
			p.skip(1)
		} else if p.unquoted(true, ps.gap == begin && p.open(&ps)) == "" {
			n, err := p.whole(&ps)
			p.stack = p.stack[:ps.base]
			return n, err
		}
		p.addText(&ps, begin)
	}
}

// single takes the common case, one text with or without quotes and what
// certainly ends a value; nil means that something else stands here.
func (p *parser) single(sc scope) node {
	at, i := p.place(), p.pos
	s := scalar{src: at.src, off: at.off, kind: String}
	if p.next() == '"' {
		i += 1 + plainQuoted(p.text[i+1:])
		if byteAt(p.text, i) != '"' || i == p.pos+1 { // "" may be half of """
			return nil
		}
		s.text = p.text[p.pos+1 : i]
		i++
	} else {
		for i < len(p.text) && (classOf[p.text[i]] == aText || classOf[p.text[i]] == aDot) {
			i++
		}
		if i == p.pos {
			return nil
		}
		s.text, s.raw = p.text[p.pos:i], true
		s.kind = classify(s.text)
	}
	i = spaceEnd(p.text, i)
	c := byteAt(p.text, i)
	if c == '\n' || c == '}' || c == ']' || c == '#' || i == len(p.text) || c == ',' && (sc.elem || !s.raw) {
		p.pos = i
		return p.scalar(s)
	}
	return nil
}

// part takes the next part of a value that is not text without quotes; nil
// means that something else stands here.
func (p *parser) part(sc scope) (node, error) {
	at := p.place()
	switch p.next() {
	case '"':
		text, err := p.quoted()
		return p.scalar(scalar{src: at.src, off: at.off, kind: String, text: text}), err
	case '{':
		return p.object(sc)
	case '[':
		return p.list()
	case '$':
		if p.at("${") {
			return p.subst()
		}
	}
	return nil, nil
}

// whole makes one node of the parts.
func (p *parser) whole(ps *parts) (node, error) {
	nodes := p.stack[ps.base:]
	if len(nodes) == 0 {
		return nil, p.unexpected("a value")
	}
	if len(nodes) == 1 {
		if s, ok := nodes[0].(*scalar); ok && s.raw {
			s.kind = classify(s.text)
		}
		return nodes[0], nil
	}
	at := nodes[0].place()
	var text strings.Builder
	for _, n := range nodes {
		s, ok := n.(*scalar)
		if !ok {
			return &concat{at: at, parts: slices.Clone(nodes)}, nil
		}
		text.WriteString(s.text)
	}
	return p.scalar(scalar{src: at.src, off: at.off, kind: String, text: text.String()}), nil
}

// commaIsText looks ahead, at most to the next comma or the end of the line.
func (p *parser) commaIsText(ps *parts) bool {
	if ps.listed || !p.open(ps) {
		return false
	}
	next := p.text[spaceEnd(p.text, p.pos+1):]
	switch r := firstRune(next); {
	case r == eof, strings.HasPrefix(next, "//"), strings.ContainsRune("\n#}],\"{[", r):
		return false
	}
	if after, ok := strings.CutPrefix(next, "include"); ok && includeArgAhead(after) {
		return false
	}
	return p.setting != nil && p.depth == 0 || !keyAhead(next, ps.lenient)
}

// keyAhead tells whether s begins with a key and its separator. After text
// that is lenient already, host.name:1883 is no key.
func keyAhead(s string, lenient bool) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\n', ',', '#', '}', ']', '[', '$', '@':
			return false
		case '/':
			if strings.HasPrefix(s[i:], "//") {
				return false
			}
		case '=', '{':
			return true
		case '+':
			return strings.HasPrefix(s[i:], "+=")
		case '"':
			i += quotedLen(s[i:])
		case ':':
			port := i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9'
			return !strings.HasPrefix(s[i:], "://") && !(lenient && port && strings.Contains(s[:i], "."))
		}
	}
	return false
}

// quotedLen is how far the closing quote of the text that s begins with is;
// past the end of s where there is none.
func quotedLen(s string) int {
	for i := 1; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}
