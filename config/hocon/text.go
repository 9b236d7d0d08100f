package hocon

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquoted takes the longest run of text without quotes. In a value, joined
// says that text stands directly before it, so that it may begin with ':'.
func (l *lexer) unquoted(value, joined bool) string {
	start := l.pos
	for i := start; ; {
		c := byteAt(l.text, i)
		switch class := classOf[c]; {
		case i >= len(l.text), class == aSpace, class == aNewline, class == aSlash && byteAt(l.text, i+1) == '/':
			l.pos = i
			return l.text[start:i]
		case class == aWide:
			r, w := utf8.DecodeRuneInString(l.text[i:])
			if isSpace(r) {
				l.pos = i
				return l.text[start:i]
			}
			i += w
		case class != aMark:
			i++
		default:
			n := markIsText(l.text, start, i)
			if c == ':' && (!value || !joined && i == start) {
				n = 0
			}
			if n == 0 {
				l.pos = i
				return l.text[start:i]
			}
			i += n
		}
	}
}

// markIsText returns how many bytes from i, which is kept out of unquoted
// text, belong to the text that begins at start nevertheless.
func markIsText(s string, start, i int) int {
	switch {
	case s[i] == ':' && colonIsText(s[i+1:]):
		if strings.HasPrefix(s[i+1:], "//") {
			return 3
		}
		return 1
	case s[i] == '+':
		// The sign of an exponent, as in 1e+6.
		end := start
		for end < len(s) && strings.IndexByte("0123456789eE+-.", s[end]) >= 0 {
			end++
		}
		if end > i && isNumber(s[start:end]) {
			return end - i
		}
	}
	return 0
}

// colonIsText tells whether text goes on with s, right after a colon.
func colonIsText(s string) bool {
	r := firstRune(s)
	return r == ':' || strings.HasPrefix(s, "${") || r != eof && !forbidden(r) && !isSpace(r)
}

// quoted takes a text in double or triple quotes; the lexer stands at it.
func (l *lexer) quoted() (string, error) {
	if l.at(`"""`) {
		return l.triple()
	}
	open := l.here()
	l.skip(1)
	var b strings.Builder
	for {
		n := plainQuoted(l.rest())
		piece := l.rest()[:n]
		l.skip(n)
		switch l.next() {
		case '"':
			l.skip(1)
			if b.Len() == 0 {
				return piece, nil
			}
			b.WriteString(piece)
			return b.String(), nil
		case '\\':
			b.WriteString(piece)
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			return "", failure(l.here(), "found %s, expected the closing quote of the text at %s", l.found(), open.origin())
		}
	}
}

// plainQuoted returns how much of s may stand within quotes as it is.
func plainQuoted(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return len(s)
}

func (l *lexer) triple() (string, error) {
	open := l.here()
	n := strings.Index(l.rest()[3:], `"""`)
	if n < 0 {
		return "", failure(open, `found """, expected a closing """ before the end of the text`)
	}
	n += 3
	// Quotes beyond the last three belong to the text.
	for strings.HasPrefix(l.rest()[n+3:], `"`) {
		n++
	}
	text := l.rest()[3:n]
	l.skip(n + 3)
	return block(text), nil
}

// block takes the indentation away from a text that begins with ~ and a new
// line: what all lines have that are not blank. A ~ at its end goes too, and
// alone on its line takes only the line's white space with it. Any other text
// is as it was written.
func block(text string) string {
	body, ok := strings.CutPrefix(text, "~\n")
	if !ok {
		if body, ok = strings.CutPrefix(text, "~\r\n"); !ok {
			return text
		}
	}
	if body, ok = strings.CutSuffix(body, "~"); ok {
		if i := strings.LastIndexByte(body, '\n') + 1; strings.Trim(body[i:], " \t") == "" {
			body = body[:i]
		}
	}
	lines := strings.SplitAfter(body, "\n")
	indent, known := "", false
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		own := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if !known {
			indent, known = own, true
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	var b strings.Builder
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, indent); ok {
			line = rest
		} else {
			line = strings.TrimLeft(line, " \t") // blank, and shorter
		}
		b.WriteString(line)
	}
	return b.String()
}

const escapes = `""\\//` + "b\bf\fn\nr\rt\t"

func (l *lexer) escape(b *strings.Builder) error {
	if next := l.rest()[1:]; next != "" {
		if next[0] == 'u' {
			return l.unicode(b)
		}
		for i := 0; i < len(escapes); i += 2 {
			if escapes[i] == next[0] {
				b.WriteByte(escapes[i+1])
				l.skip(2)
				return nil
			}
		}
	}
	return failure(l.here(), `found a backslash, expected one of \" \\ \/ \b \f \n \r \t \uXXXX`)
}

// unicode takes \uXXXX; two of them may be one character (a surrogate pair,
// RFC 8259 section 7). Half a pair becomes U+FFFD.
func (l *lexer) unicode(b *strings.Builder) error {
	r, ok := hexRune(l.rest())
	if !ok {
		return failure(l.here(), `found \u, expected four hexadecimal digits after it`)
	}
	l.skip(6)
	if low, ok := hexRune(l.rest()); ok && utf16.IsSurrogate(r) {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			l.skip(6)
			r = pair
		}
	}
	b.WriteRune(r)
	return nil
}

func hexRune(s string) (rune, bool) {
	if len(s) < 6 || !strings.HasPrefix(s, `\u`) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}

// classify gives a lone unquoted text its type.
func classify(text string) Kind {
	switch {
	case text == "true", text == "false":
		return Bool
	case text == "null":
		return Null
	case isNumber(text):
		return Number
	}
	return String
}

// isNumber tells whether s is a number of RFC 8259 section 6.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, s := digits(s)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		var fraction string
		if fraction, s = digits(rest); fraction == "" {
			return false
		}
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	exponent, rest := digits(s)
	return exponent != "" && rest == ""
}

func digits(s string) (head, tail string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}
