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
	src  *source
	text string // of src
	pos  int    // in bytes
}

func newLexer(name, text string) lexer {
	return lexer{src: &source{name: name, text: text}, text: text}
}

func (l *lexer) here() pos { return pos{l.src, int32(l.pos)} }

func (l *lexer) rest() string { return l.text[l.pos:] }

func (l *lexer) at(prefix string) bool { return strings.HasPrefix(l.text[l.pos:], prefix) }

// next returns the byte here, 0 at the end: enough to tell ASCII apart.
func (l *lexer) next() byte { return byteAt(l.text, l.pos) }

func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

func (l *lexer) peek() rune { return firstRune(l.rest()) }

func firstRune(s string) rune {
	if s == "" {
		return eof
	}
	if s[0] < utf8.RuneSelf {
		return rune(s[0])
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// skip moves n bytes ahead, which must end at a character's end.
func (l *lexer) skip(n int) { l.pos += n }

// spaceEnd returns the index of the first byte of s, from i, that is not
// white space within a line.
func spaceEnd(s string, i int) int {
	for i < len(s) {
		switch classOf[s[i]] {
		case aSpace:
			i++
		case aWide:
			r, w := utf8.DecodeRuneInString(s[i:])
			if !isSpace(r) {
				return i
			}
			i += w
		default:
			return i
		}
	}
	return i
}

// space skips white space within a line and returns it.
func (l *lexer) space() string {
	start := l.pos
	l.pos = spaceEnd(l.text, start)
	return l.text[start:l.pos]
}

// blank skips white space, newlines and comments, and reports a newline.
func (l *lexer) blank() (newline bool) {
	i := l.pos
	for i < len(l.text) {
		c := l.text[i]
		switch classOf[c] {
		case aSpace:
			i++
			continue
		case aNewline:
			newline = true
			i++
			continue
		case aWide:
			if end := spaceEnd(l.text, i); end > i {
				i = end
				continue
			}
		}
		if c != '#' && (c != '/' || byteAt(l.text, i+1) != '/') {
			break
		}
		n := strings.IndexByte(l.text[i:], '\n')
		if n < 0 {
			n = len(l.text) - i
		}
		i += n
	}
	l.pos = i
	return newline
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
	case r == '\t':
		return `a tab (\t within quotes)`
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

// The classes of bytes, for a parser that decides by one look at most of them.
const (
	aText    = iota // text without quotes
	aSpace          // white space within a line
	aNewline        // the one newline
	aMark           // kept out of unquoted text
	aSlash          // '/', of which two begin a comment
	aDot            // splits a path
	aWide           // part of a character beyond ASCII
)

var classOf = classes()

func classes() (c [256]byte) {
	for i := range c {
		switch r := rune(i); {
		case i >= utf8.RuneSelf:
			c[i] = aWide
		case r == '\n':
			c[i] = aNewline
		case isSpace(r):
			c[i] = aSpace
		case forbidden(r):
			c[i] = aMark
		}
	}
	c['/'], c['.'] = aSlash, aDot
	return c
}
