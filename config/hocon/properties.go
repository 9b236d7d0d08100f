package hocon

import (
	"strings"
	"unicode/utf8"
)

// properties reads the lexer's text in the format of Java's properties files,
// as the specification maps them ("Java properties mapping"): a key is split
// at every dot, values are always text, and where one key has both a value and
// keys below it, these win.
func (p *parser) properties() (*object, error) {
	if !utf8.ValidString(p.text) {
		return nil, notUTF8(p.src.name, p.text)
	}
	root := newObject(p.here())
	for p.pos < len(p.text) {
		at := p.here()
		line := p.logicalLine()
		if line == "" {
			continue
		}
		key, value := splitProperty(line)
		name, ok := unescapeProperty(key)
		text, fine := unescapeProperty(value)
		if !ok || !fine {
			return nil, failure(at, `found \u, expected four hexadecimal digits after it`)
		}
		path := strings.Split(name, ".")
		if p.depth+len(path) > maxDepth {
			return nil, failure(at, "nested more than %d deep", maxDepth)
		}
		root.put(path, &scalar{src: at.src, off: at.off, kind: String, text: text})
	}
	return root, nil
}

// logicalLine takes one line with those that it goes on in; "" for a comment
// or a blank one.
func (p *parser) logicalLine() string {
	var b strings.Builder
	for first := true; ; first = false {
		line, _, more := strings.Cut(p.rest(), "\n")
		p.skip(len(line))
		if more {
			p.skip(1)
		}
		line = strings.TrimLeft(strings.TrimSuffix(line, "\r"), " \t\f\ufeff")
		if first && (line == "" || line[0] == '#' || line[0] == '!') {
			return ""
		}
		slashes := len(line) - len(strings.TrimRight(line, `\`))
		if slashes%2 == 0 || !more {
			b.WriteString(line)
			return b.String()
		}
		b.WriteString(line[:len(line)-1])
	}
}

// splitProperty cuts at the first =, : or white space that is not escaped.
func splitProperty(line string) (key, value string) {
	end := 0
	for end < len(line) && strings.IndexByte("=: \t\f", line[end]) < 0 {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	value = strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return line[:end], value
}

func unescapeProperty(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	l := newLexer("", s)
	var b strings.Builder
	for l.pos < len(s) {
		c := s[l.pos]
		switch next := byteAt(s, l.pos+1); {
		case c != '\\':
			b.WriteByte(c)
			l.skip(1)
		case next == 'u':
			if err := l.unicode(&b); err != nil {
				return "", false
			}
		default:
			if i := strings.IndexByte("tnrf", next); i >= 0 && next != 0 {
				next = "\t\n\r\f"[i]
			}
			if l.pos+1 < len(s) {
				b.WriteByte(next)
			}
			l.skip(2)
		}
	}
	return b.String(), true
}

// put sets a value unless there is an object in its place, and makes objects
// of the values on the way to it.
func (o *object) put(path []string, s *scalar) {
	for len(path) > 1 {
		f := o.field(path[0], s.place())
		below, ok := f.top().(*object)
		if !ok {
			below = newObject(s.place())
			f.push(below)
		}
		o, path = below, path[1:]
	}
	f := o.get(path[0])
	if f != nil {
		if _, ok := f.top().(*object); ok {
			return
		}
	}
	o.field(path[0], s.place()).push(s)
}
