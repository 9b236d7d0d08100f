package pluginhost

import "regexp"

// varying is what differs between two reports of one trouble: numbers, and
// quotes of what a plugin has printed.
var varying = regexp.MustCompile(`"(?:[^"\\]|\\.)*(?:"|$)|[0-9]+`)

// teller keeps a log from saying the same again and again.
type teller struct{ last string }

// news reports whether text is another than the last; empty is the end of a
// trouble.
func (t *teller) news(text string) bool {
	text = varying.ReplaceAllString(text, "")
	changed := text != t.last
	t.last = text
	return changed
}
