package hocon

import "strings"

// parts collects the values that stand side by side.
type parts struct {
	nodes   []node
	gap     *scalar // white space since the last of them
	lenient bool    // '@' or ':' was seen, which no strict text has
	listed  bool    // directly within [ ], where a comma always separates
}

func (ps *parts) last() node {
	if len(ps.nodes) == 0 {
		return nil
	}
	return ps.nodes[len(ps.nodes)-1]
}

// open tells whether the last part is one that text may go on from.
func (ps *parts) open() bool {
	switch n := ps.last().(type) {
	case *scalar:
		return n.raw
	case *subst:
		return true
	}
	return false
}

func (ps *parts) add(n node) {
	if ps.gap != nil && len(ps.nodes) > 0 {
		ps.nodes = append(ps.nodes, ps.gap)
	}
	ps.gap = nil
	ps.nodes = append(ps.nodes, n)
}

// value takes one value, or several on a line that make one.
func (p *parser) value(sc scope) (node, error) {
	ps := &parts{listed: sc.elem}
	for {
		at := p.place()
		if gap := p.space(); gap != "" {
			ps.gap = &scalar{at: at, kind: String, text: gap, raw: true, gap: true}
		}
		n, err := p.part(ps, sc)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return p.whole(ps)
		}
		ps.add(n)
	}
}

// part takes the next part of a value; nil means that the value has ended.
func (p *parser) part(ps *parts, sc scope) (node, error) {
	at := p.place()
	switch {
	case p.at(`"`):
		text, err := p.quoted()
		return &scalar{at: at, kind: String, text: text}, err
	case p.at("{"):
		return p.object(sc)
	case p.at("["):
		return p.list(sc)
	case p.at("${"):
		return p.subst()
	case p.at(",") && p.commaIsText(ps):
		p.skip(1)
		return &scalar{at: at, kind: String, text: ",", raw: true}, nil
	}
	text := p.unquoted(true, ps.open() && ps.gap == nil)
	if text == "" {
		return nil, nil
	}
	ps.lenient = ps.lenient || strings.ContainsAny(text, ":@")
	return &scalar{at: at, kind: String, text: text, raw: true}, nil
}

// whole makes one node of the parts.
func (p *parser) whole(ps *parts) (node, error) {
	if len(ps.nodes) == 0 {
		return nil, p.unexpected("a value")
	}
	if len(ps.nodes) == 1 {
		if s, ok := ps.nodes[0].(*scalar); ok && s.raw {
			s.kind = classify(s.text)
		}
		return ps.nodes[0], nil
	}
	var text strings.Builder
	for _, n := range ps.nodes {
		s, ok := n.(*scalar)
		if !ok {
			return &concat{at: ps.nodes[0].origin(), parts: ps.nodes}, nil
		}
		text.WriteString(s.text)
	}
	return &scalar{at: ps.nodes[0].origin(), kind: String, text: text.String()}, nil
}

// commaIsText looks ahead, at most to the next comma or the end of the line.
func (p *parser) commaIsText(ps *parts) bool {
	if ps.listed || !ps.open() {
		return false
	}
	next := strings.TrimLeftFunc(p.rest()[1:], func(r rune) bool { return r != '\n' && isSpace(r) })
	switch r := firstRune(next); {
	case r == eof, strings.HasPrefix(next, "//"), strings.ContainsRune("\n#}],\"{[", r):
		return false
	}
	if after, ok := strings.CutPrefix(next, "include"); ok && includeArgAhead(after) {
		return false
	}
	return p.setting && p.depth == 0 || !keyAhead(next, ps.lenient)
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
