package access

import (
	"errors"
	"strings"
)

// word is a part of a rule.
type word struct {
	text   string
	quoted bool // such a word is never a keyword
}

// is reports whether w is a keyword.
func (w word) is(keyword string) bool { return !w.quoted && w.text == keyword }

// errQuotes is the error of a rule whose quotes do not pair up.
var errQuotes = errors.New(`expected a closing " with a space or the end after it, and after a \ inside quotes " or \`)

// splitWords cuts a rule at spaces and tabs. A word in double quotes may hold
// them; in it \" is a quote and \\ a backslash.
func splitWords(line string) ([]word, error) {
	var out []word
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return out, nil
		}
		if line[0] == '"' {
			text, rest, ok := unquote(line[1:])
			if !ok {
				return nil, errQuotes
			}
			out = append(out, word{text, true})
			line = rest
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		if strings.Contains(line[:end], `"`) {
			return nil, errQuotes
		}
		out = append(out, word{line[:end], false})
		line = line[end:]
	}
}

// unquote reads up to the closing quote.
func unquote(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			rest = s[i+1:]
			return b.String(), rest, rest == "" || rest[0] == ' ' || rest[0] == '\t'
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", false
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
