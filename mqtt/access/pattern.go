package access

import (
	"strings"
)

// values are what the placeholders of a rule stand for.
type values struct {
	client string // %c
	user   string // %u; "" for a client without a user
}

// pattern is a topic of a rule, cut into levels.
type pattern struct {
	literal bool   // eq: only the very same text
	text    string // of a literal one
	levels  []level
}

// level is the text between two slashes of a pattern.
type level struct {
	kind levelKind
	text string  // of a plain one
	mix  []piece // of one with placeholders
}

type levelKind uint8

const (
	plain    levelKind = iota
	mixed              // with placeholders
	any1               // +
	anyDepth           // #, the last one
)

// piece is a part of a level: text, or what a placeholder stands for.
type piece struct {
	text string
	hold placeholder
}

type placeholder uint8

const (
	noHold placeholder = iota
	clientHold
	userHold
)

// placeholders in the spellings of the older products.
var placeholders = []struct {
	text string
	hold placeholder
}{{"%c", clientHold}, {"${clientid}", clientHold}, {"%u", userHold}, {"${username}", userHold}}

// newPattern reads a topic. A literal one means its very text, wildcards and
// placeholders too.
func newPattern(text string, literal bool) (pattern, error) {
	if literal {
		return pattern{literal: true, text: text}, checkFilter(text)
	}
	plainText := text
	for _, p := range placeholders {
		plainText = strings.ReplaceAll(plainText, p.text, "x")
	}
	if err := checkFilter(plainText); err != nil {
		return pattern{}, err
	}
	var p pattern
	for part := range strings.SplitSeq(text, "/") {
		p.levels = append(p.levels, newLevel(part))
	}
	switch text { // there is no empty topic [MQTT-4.7.3-1]
	case "+/#": // is every topic that # is
		p.levels = p.levels[1:]
	case "/#": // does not reach its parent
		p.levels = []level{{}, {kind: any1}, {kind: anyDepth}}
	}
	return p, nil
}

func newLevel(text string) level {
	switch text {
	case "+":
		return level{kind: any1}
	case "#":
		return level{kind: anyDepth}
	}
	mix := cut(text)
	if len(mix) == 1 && mix[0].hold == noHold || len(mix) == 0 {
		return level{text: text}
	}
	return level{kind: mixed, mix: mix}
}

// cut splits a level at its placeholders.
func cut(text string) (out []piece) {
	begin := 0
	for i := 0; i < len(text); {
		hold, n := holdAt(text[i:])
		if hold == noHold {
			i++
			continue
		}
		if i > begin {
			out = append(out, piece{text: text[begin:i]})
		}
		out = append(out, piece{hold: hold})
		i += n
		begin = i
	}
	if begin < len(text) {
		out = append(out, piece{text: text[begin:]})
	}
	return out
}

func holdAt(s string) (placeholder, int) {
	for _, p := range placeholders {
		if strings.HasPrefix(s, p.text) {
			return p.hold, len(p.text)
		}
	}
	return noHold, 0
}

// value is what the piece stands for.
func (p piece) value(v values) string {
	switch p.hold {
	case clientHold:
		return v.client
	case userHold:
		return v.user
	}
	return p.text
}

// usable reports whether every placeholder of the level stands for something
// that is one level, and no wildcard. '$' at the beginning of a topic would
// reach topics that no wildcard reaches [MQTT-4.7.2-1].
func (l *level) usable(v values, first bool) bool {
	for i, p := range l.mix {
		s := p.value(v)
		if p.hold != noHold && (s == "" || strings.ContainsAny(s, "/+#\x00") || first && i == 0 && s[0] == '$') {
			return false
		}
	}
	return true
}

// equals reports whether a level of a topic is this one, which is no wildcard.
func (l *level) equals(s string, v values) bool {
	if l.kind == plain {
		return l.text == s
	}
	for _, p := range l.mix {
		rest, ok := strings.CutPrefix(s, p.value(v))
		if !ok {
			return false
		}
		s = rest
	}
	return s == ""
}
