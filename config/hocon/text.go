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
	for {
		r := l.peek()
		switch {
		case r == ':' && value && (joined || l.pos > start) && l.colonIsText():
			l.colon()
		case r == '+' && value && beginsExponent(l.src[start:l.pos]):
			l.skip(1)
		case r == eof || forbidden(r) || isSpace(r) || l.at("//"):
			return l.src[start:l.pos]
		default:
			l.skip(utf8.RuneLen(r))
		}
	}
}

// beginsExponent tells whether text is a number up to the e of 1e+6.
func beginsExponent(text string) bool {
	if len(text) < 2 || len(text) > maxDigits {
		return false
	}
	last := len(text) - 1
	return (text[last] == 'e' || text[last] == 'E') && isNumber(text[:last])
}

// colonIsText tells whether text goes on right after the colon here.
func (l *lexer) colonIsText() bool {
	next := l.rest()[1:]
	r := firstRune(next)
	return r == ':' || strings.HasPrefix(next, "${") || r != eof && !forbidden(r) && !isSpace(r)
}

func (l *lexer) colon() {
	l.skip(1)
	if l.at("//") {
		l.skip(2)
	}
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
		n := strings.IndexFunc(l.rest(), func(r rune) bool { return r == '"' || r == '\\' || r < ' ' })
		if n < 0 {
			n = len(l.rest())
		}
		b.WriteString(l.rest()[:n])
		l.skip(n)
		switch l.peek() {
		case '"':
			l.skip(1)
			return b.String(), nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			return "", failure(l.here(), "found %s, expected the closing quote of the text at %s", l.found(), open)
		}
	}
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
	return text, nil
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
