package hocon

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Origin is the place of a key or value. Line and Col count from 1, Col in
// characters; a Line of 0 means that the name says it all.
type Origin struct {
	Name      string // of the file, variable or flag
	Line, Col int
}

// String returns name:line:column.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Name
	}
	return o.Name + ":" + strconv.Itoa(o.Line) + ":" + strconv.Itoa(o.Col)
}

// pos is a place in a source: cheap to keep with every node, and made into an
// Origin only for who asks.
type pos struct {
	src *source
	off int32 // in bytes; maxTotal fits
}

// source is one text that was read.
type source struct {
	name  string
	text  string
	named bool // the name says it all: no line and column

	once  sync.Once
	marks []mark // of every markStep bytes
}

// mark is the line and column of a byte.
type mark struct{ line, col int32 }

// markStep bounds the bytes that one look-up reads.
const markStep = 256

func (p pos) origin() Origin {
	if p.src == nil {
		return Origin{}
	}
	if p.src.named {
		return Origin{Name: p.src.name}
	}
	p.src.once.Do(p.src.survey)
	m := p.src.marks[int(p.off)/markStep]
	m.advance(p.src.text[int(p.off)/markStep*markStep : p.off])
	return Origin{Name: p.src.name, Line: int(m.line), Col: int(m.col)}
}

// survey sets the marks. The bytes of one character may lie on both sides of
// one, so only first bytes count.
func (s *source) survey() {
	m := mark{1, 1}
	for i := 0; i <= len(s.text); i += markStep {
		s.marks = append(s.marks, m)
		m.advance(s.text[i:min(i+markStep, len(s.text))])
	}
}

func (m *mark) advance(text string) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n':
			m.line, m.col = m.line+1, 1
		case utf8.RuneStart(text[i]):
			m.col++
		}
	}
}

// Error is what every function of this package returns for bad input.
type Error struct {
	At  Origin
	Msg string
	Err error // the cause, or nil
}

// Error returns one line: the place and what is wrong there.
func (e *Error) Error() string { return e.At.String() + ": " + e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failure(at pos, format string, args ...any) *Error {
	return &Error{At: at.origin(), Msg: fmt.Sprintf(format, args...)}
}

// notUTF8 returns the place of the first byte of text that is not UTF-8.
func notUTF8(name, text string) *Error {
	n := 0
	for {
		r, w := utf8.DecodeRuneInString(text[n:])
		if r == utf8.RuneError && w <= 1 {
			break
		}
		n += w
	}
	src := &source{name: name, text: text[:n]}
	return failure(pos{src, int32(n)}, "found the byte 0x%02x, expected UTF-8 text", text[n])
}

// pathText writes a path as the language does.
func pathText(path []string) string {
	var b strings.Builder
	for i, elem := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		if plainElem(elem) {
			b.WriteString(elem)
		} else {
			b.WriteString(strconv.Quote(elem))
		}
	}
	return b.String()
}

func plainElem(elem string) bool {
	for _, r := range elem {
		if r == '.' || r == '@' || forbidden(r) || isSpace(r) || r < ' ' {
			return false
		}
	}
	return elem != ""
}
