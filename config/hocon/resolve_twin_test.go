package hocon

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// assignment is one line f<field> = parts; a part is a letter, or a reference
// to a lower field, or to the field itself, which looks back.
type assignment struct {
	field int
	parts []int // -1 a letter, else a field
}

func drawAssignments(t *rapid.T) []assignment {
	n := rapid.IntRange(1, 12).Draw(t, "lines")
	out := make([]assignment, n)
	for i := range out {
		field := rapid.IntRange(0, 4).Draw(t, "field")
		out[i] = assignment{field, rapid.SliceOfN(rapid.IntRange(-1, field), 1, 4).Draw(t, "parts")}
	}
	return out
}

func (a assignment) String() string {
	line := fmt.Sprintf("f%d = ", a.field)
	for _, p := range a.parts {
		if p < 0 {
			line += "x"
		} else {
			line += fmt.Sprintf("${?f%d}", p)
		}
	}
	return line
}

// dumbValue says by the specification's words what a field is, as seen from
// the line below: its latest assignment, in which the field itself is what the
// earlier ones make it, and every other field is what the whole text makes it.
func dumbValue(lines []assignment, field, below int) (text string, set bool) {
	for i := below - 1; i >= 0; i-- {
		if lines[i].field != field {
			continue
		}
		for _, p := range lines[i].parts {
			part, ok := "x", true
			if p == field {
				part, ok = dumbValue(lines, field, i)
			} else if p >= 0 {
				part, ok = dumbValue(lines, p, len(lines))
			}
			text, set = text+part, set || ok
		}
		if set {
			return text, true
		}
	}
	return "", false
}

// TestResolveTwin compares the resolver with dumbValue, in one text and with
// each line as a layer of its own.
func TestResolveTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := drawAssignments(t)
		var texts []string
		for _, l := range lines {
			texts = append(texts, l.String())
		}
		for _, layers := range [][]string{texts, {strings.Join(texts, "\n")}} {
			v, err := load(nil, layers...)
			if err != nil {
				t.Fatalf("%q: %v", layers, err)
			}
			for field := range 5 {
				want, set := dumbValue(lines, field, len(lines))
				got := v.Get(fmt.Sprintf("f%d", field))
				if (got != nil) != set || set && got.Text() != want {
					t.Fatalf("%q: f%d: got %v, want %q %v", layers, field, got, want, set)
				}
			}
		}
	})
}

// TestCommaTwin: text with commas, then fields, as the rule of CONTRACT.md
// section 3 has them: the text ends where a key with its separator follows.
func TestCommaTwin(t *testing.T) {
	word := rapid.StringMatching(`[a-z]{1,3}(@[a-z0-9.]{1,6})?`)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 1, 5).Draw(t, "words")
		comma := rapid.SampledFrom([]string{",", ", ", " , "}).Draw(t, "comma")
		separator := rapid.SampledFrom([]string{"=", " = ", " : ", " += ", " {} "}).Draw(t, "separator")
		text := strings.Join(words, comma)
		value := "1"
		if strings.Contains(separator, "{") {
			value = ""
		}
		for _, in := range []string{"s = " + text + comma + "k" + separator + value, "{s = " + text + comma + "k" + separator + value + "}", "s = " + text + " # c\nk" + separator + value} {
			v, err := load(nil, in)
			if err != nil {
				t.Fatalf("%q: %v", in, err)
			}
			if v.Get("s").Text() != text || v.Get("k") == nil {
				t.Fatalf("%q: got %q", in, v.Get("s").Text())
			}
		}
	})
}
