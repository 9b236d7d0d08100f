package config

import (
	"hash/maphash"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/muster-mqtt/muster/config/hocon"
)

// Entry is one effective setting.
type Entry struct {
	Path   string
	Value  string // as it was written; secrets as stars
	Source string // default, file:line:column, environment NAME or flag --x

	live bool
	sum  uint64 // of the value without its mask: equal if the value is
}

// sums are of no use outside this process, so they say nothing of a secret.
var sums = maphash.MakeSeed()

// Show returns every setting that has a value, by path.
func (c *Config) Show() []Entry { return slices.Clone(c.entries) }

func (w *walker) show(v *hocon.Value, path []string, k key) {
	e := Entry{Path: dotted(path), Value: shown(v), Source: v.Origin().String(), live: k.live, sum: maphash.Comparable(sums, plainText(v))}
	if v.Origin().Name == referenceName {
		e.Source = "default"
	}
	if k.secret {
		e.Value = masked
	}
	w.c.entries = append(w.c.entries, e)
}

// showAll shows a third-party subtree. Only its plugin knows what is secret
// there, so everything that sounds like it is masked.
func (w *walker) showAll(v *hocon.Value, path []string) {
	for _, m := range v.Members() {
		here := append(path[:len(path):len(path)], m.Key)
		secret := secretWord.MatchString(m.Key)
		if m.Value.Kind() == hocon.Object && !secret {
			w.showAll(m.Value, here)
			continue
		}
		w.show(m.Value, here, key{secret: secret})
	}
}

var (
	secretWord = regexp.MustCompile(`(?i)pass|pwd|secret|token|cookie|key|cred|auth|cert`)
	userInfo   = regexp.MustCompile(`://[^/@\s]*@`)
)

// shown writes a value for people, on one line, without the user and password
// of a URL.
func shown(v *hocon.Value) string {
	var b strings.Builder
	render(&b, v, true)
	s := userInfo.ReplaceAllString(b.String(), "://"+masked+"@")
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// plainText writes all of a value, secrets too: it is not for people.
func plainText(v *hocon.Value) string {
	var b strings.Builder
	render(&b, v, false)
	return b.String()
}

func render(b *strings.Builder, v *hocon.Value, mask bool) {
	switch v.Kind() {
	case hocon.List:
		elems, _ := v.List()
		b.WriteByte('[')
		for i, e := range elems {
			if i > 0 {
				b.WriteString(", ")
			}
			render(b, e, mask)
		}
		b.WriteByte(']')
	case hocon.Object:
		b.WriteByte('{')
		for i, m := range v.Members() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(m.Key + " = ")
			if mask && secretWord.MatchString(m.Key) {
				b.WriteString(masked)
			} else {
				render(b, m.Value, mask)
			}
		}
		b.WriteByte('}')
	case hocon.Null:
		b.WriteString("null")
	default:
		b.WriteString(v.Text())
	}
}
