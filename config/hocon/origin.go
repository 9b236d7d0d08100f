package hocon

import (
	"fmt"
	"strconv"
	"strings"
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

func failure(at Origin, format string, args ...any) *Error {
	return &Error{At: at, Msg: fmt.Sprintf(format, args...)}
}

// notUTF8 returns the place of the first byte of text that is not UTF-8.
func notUTF8(name, text string) *Error {
	at := Origin{Name: name, Line: 1, Col: 1}
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			return failure(at, "found the byte 0x%02x, expected UTF-8 text", text[0])
		}
		at.Col++
		if r == '\n' {
			at.Line, at.Col = at.Line+1, 1
		}
		text = text[n:]
	}
	return nil
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
