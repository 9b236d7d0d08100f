package hocon

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// specCase is one line of a table in testdata.
type specCase struct {
	clause, in, want string
	line             int
}

var written = regexp.MustCompile(`‹[0-9a-f]+›`)

// specCases reads a table, whose format its own head describes.
func specCases(t *testing.T, name string) []specCase {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []specCase
	clause, number := "", 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		number++
		line := lines.Text()
		if head, ok := strings.CutPrefix(line, "## "); ok {
			clause = head
		}
		in, want, ok := strings.Cut(line, " => ")
		if clause == "" || !ok {
			continue
		}
		out = append(out, specCase{clause, spelled(in), spelled(want), number})
	}
	return out
}

// spelled puts in the characters that a table cannot show.
func spelled(s string) string {
	s = strings.NewReplacer("⏎", "\n", "⇥", "\t").Replace(s)
	return written.ReplaceAllStringFunc(s, func(s string) string {
		n, _ := strconv.ParseInt(strings.Trim(s, "‹›"), 16, 32)
		return string(rune(n))
	})
}

// enough is how many texts each table must hold.
const enough = 150

// TestSpecification reads each text of testdata/valid.txt: every clause of the
// specification that a text can show, and what this reader takes beyond it.
func TestSpecification(t *testing.T) {
	cases := specCases(t, "valid.txt")
	for _, c := range cases {
		v, err := load(nil, c.in)
		if err != nil {
			t.Errorf("valid.txt:%d: %s: %q: %v", c.line, c.clause, c.in, err)
			continue
		}
		if got := asJSON(t, v); got != c.want {
			t.Errorf("valid.txt:%d: %s: %q\n got %s\nwant %s", c.line, c.clause, c.in, got, c.want)
		}
	}
	if len(cases) < enough {
		t.Errorf("%d cases", len(cases))
	}
}

// TestInvalidTexts wants each text of testdata/invalid.txt refused at the
// place that is written beside it, with these words in the reason.
func TestInvalidTexts(t *testing.T) {
	cases := specCases(t, "invalid.txt")
	for _, c := range cases {
		v, err := load(nil, c.in)
		place, words, _ := strings.Cut(c.want, " ")
		if err == nil {
			t.Errorf("invalid.txt:%d: %s: %q: accepted as %s", c.line, c.clause, c.in, asJSON(t, v))
		} else if got := err.Error(); !strings.HasPrefix(got, "t.conf:"+place+": ") || !strings.Contains(got, words) {
			t.Errorf("invalid.txt:%d: %s: %q\n got %s\nwant %s", c.line, c.clause, c.in, got, c.want)
		}
	}
	if len(cases) < enough {
		t.Errorf("%d cases", len(cases))
	}
}
