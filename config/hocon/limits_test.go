package hocon

import (
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	chain, laugh, objects := "a0 = 1\n", "a0 = aaaaaaaaaa\n", "a0 = {x = 1}\n"
	for i := range 1200 {
		chain = fmt.Sprintf("a%d = ${a%d}\n", i+1, i) + chain
		if i < 60 {
			laugh += fmt.Sprintf("a%d = ${a%d}${a%[2]d}\n", i+1, i)
			objects += fmt.Sprintf("a%d = {x = ${a%d}, y = ${a%[2]d}}\n", i+1, i)
		}
	}
	for _, c := range []struct{ in, want string }{
		{strings.Repeat(" ", maxText+1), "found 1048577 bytes, expected at most 1048576 in one text"},
		{strings.Repeat("[", 200), "nested more than 100 deep"},
		{"a = " + strings.Repeat("{a=", 200), "nested more than 100 deep"},
		{strings.Repeat("a.", 200) + "a = 1", "nested more than 100 deep"},
		{strings.Repeat("a.", 60) + "a {" + strings.Repeat("a.", 60) + "a = 1}", "nested more than 100 deep"},
		{"x = ${" + strings.Repeat("a.", 200) + "a}", "nested more than 100 deep"},
		{chain, "substitutions that lead to one another more than 1000 deep"},
		{laugh, "substitutions that make a value of more than 8388608 bytes"},
		{objects, "substitutions that make a value of more than 8388608 bytes"},
		{tainted(60), "substitutions that take more than 2097152 steps"},
		{deep(), "substitutions that nest more than 200 deep"},
	} {
		_, err := load(nil, c.in)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%.40q: got %v, want %s", c.in, err, c.want)
		}
	}
}

// tainted makes values that depend on a look back, and so cannot be kept.
func tainted(n int) string {
	text := "a = ${?x" + fmt.Sprint(n) + "}\nx0 = ${?a}\n"
	for i := range n {
		text += fmt.Sprintf("x%d = ${?x%d}${?x%[2]d}\n", i+1, i)
	}
	return text
}

func deep() string {
	text := "a0 = 1\n"
	for i := range 300 {
		text += fmt.Sprintf("a%d = {x = ${a%d}}\n", i+1, i)
	}
	return text
}

// TestLinear gives the parser long rows of what might cost it a look at the
// whole rest each time. A quadratic one would take minutes.
func TestLinear(t *testing.T) {
	for _, unit := range []string{
		"a,", `\"`, `"\"`, "a:", "${a}", "${", "{", "[", `"`, `"""`, "a.", "a=1,", "a += 1\n", "a += ${?b}\n", "//", "#\n", "\\",
		"a = ${a}\n", "{} ", "[] ", "[1] ", "a b ", ", a", "é", "a{},", "a=b,a@", "1e+", "::", "a = {}\n", "a=[${?x}]\n",
	} {
		for _, head := range []string{"", "a = x, ", "a = ", `a = x, y"`} {
			tree, err := Parse("t", []byte(head+strings.Repeat(unit, maxText/32/len(unit))), Options{})
			if err == nil {
				_, _ = tree.Resolve(env) // an error is as good: only time counts here
			}
		}
	}
}

func TestManyPlain(t *testing.T) {
	n := 20000
	v, err := load(nil, strings.Repeat("a += x\n", n)+"b = "+strings.Repeat("[1] ", n)+"\nc = "+strings.Repeat("${d} ", n)+"\nd = 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if list, _ := v.Get(key).List(); len(list) != n {
			t.Errorf("%s has %d elements", key, len(list))
		}
	}
}
