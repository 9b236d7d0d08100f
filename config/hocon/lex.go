package hocon

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// eof is what peek returns at the end of the text.
const eof rune = -1

// lexer walks over valid UTF-8 text. The language has no tokens apart from
// where they stand (':' is a separator after a key and text within a value),
// so the parser asks for the piece that it expects.
type lexer struct {
	name, src      string
	pos, line, col int
}

func newLexer(name, src string) lexer {
	return lexer{name: name, src: src, line: 1, col: 1}
}

func (l *lexer) here() Origin { return Origin{Name: l.name, Line: l.line, Col: l.col} }

func (l *lexer) rest() string { return l.src[l.pos:] }

func (l *lexer) at(prefix string) bool { return strings.HasPrefix(l.rest(), prefix) }

func (l *lexer) peek() rune { return firstRune(l.rest()) }

func firstRune(s string) rune {
	if s == "" {
		return eof
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// skip moves n bytes ahead, which must end at a character's end.
func (l *lexer) skip(n int) {
	for end := l.pos + n; l.pos < end; {
		r, w := utf8.DecodeRuneInString(l.rest())
		l.pos += w
		l.col++
		if r == '\n' {
			l.line, l.col = l.line+1, 1
		}
	}
}

// space skips white space within a line and returns it.
func (l *lexer) space() string {
	start := l.pos
	for r := l.peek(); r != '\n' && isSpace(r); r = l.peek() {
		l.skip(utf8.RuneLen(r))
	}
	return l.src[start:l.pos]
}

func (l *lexer) atComment() bool { return l.at("#") || l.at("//") }

// blank skips white space, newlines and comments, and reports a newline.
func (l *lexer) blank() (newline bool) {
	for {
		l.space()
		switch {
		case l.at("\n"):
			newline = true
			l.skip(1)
		case l.atComment():
			l.comment()
		default:
			return newline
		}
	}
}

func (l *lexer) comment() {
	n := strings.IndexByte(l.rest(), '\n')
	if n < 0 {
		n = len(l.rest())
	}
	l.skip(n)
}

// unexpected describes what stands here.
func (l *lexer) unexpected(expected string) *Error {
	return failure(l.here(), "found %s, expected %s", l.found(), expected)
}

func (l *lexer) found() string {
	switch r := l.peek(); {
	case r == eof:
		return "the end of the text"
	case r == '\n':
		return "the end of the line"
	case r == '"':
		return "a quoted text"
	case forbidden(r) && !strings.ContainsRune("{}[]:=,#", r):
		return string(r) + " (text that contains it needs quotes)"
	case unicode.IsPrint(r):
		return string(r)
	default:
		return "a control character"
	}
}

// isSpace follows the specification's section on white space, with the byte
// order mark.
func isSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r >= 0x1c && r <= 0x1f, r == ' ', r == 0xfeff:
		return true
	}
	return r > 0x7f && unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp)
}

// forbidden tells what the specification keeps out of unquoted text, less '@'.
func forbidden(r rune) bool {
	return r != eof && strings.ContainsRune("$\"{}[]:=,+#`^?!*&\\", r)
}
