package hocon

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestInclude(t *testing.T) {
	fsys := files{
		"a.conf":     "x = 1\ny = ${x}2",
		"d/b.conf":   "include \"c.conf\"\nb = 1",
		"d/c.conf":   "c = 1",
		"/abs.conf":  "abs = 1",
		"json.json":  `{"j": [1]}`,
		"grow.conf":  "l += 2",
		"outer.conf": "o = ${out}",
	}
	for _, c := range []struct{ in, want string }{
		{`include "a.conf"`, `{"x":1,"y":"12"}`},
		{"x = 0\ninclude \"a.conf\"\nx = 3", `{"x":3,"y":"32"}`},
		{`n { include "a.conf", x = 5 }, x = 9`, `{"n":{"x":5,"y":"52"},"x":9}`},
		{`n.m { include required("d/b.conf") }`, `{"n":{"m":{"b":1,"c":1}}}`},
		{`include file("/abs.conf")`, `{"abs":1}`},
		{`include required( file( "json.json" ) )`, `{"j":[1]}`},
		{`b = x, include "a.conf"`, `{"b":"x","x":1,"y":"12"}`},
		{`b = x, include, includes "y"`, `{"b":"x, include, includes y"}`},
		{`include "no.conf", a = 1`, `{"a":1}`},
		{`n { l = [1], include "grow.conf" }`, `{"n":{"l":[1,2]}}`},
		{`n { include "outer.conf" }, out = 1`, `{"n":{"o":1},"out":1}`},
		{`l = [{ include "d/c.conf" }], x = 7`, `{"l":[{"c":1}],"x":7}`},
		{"include # why\n // and\n \"d/c.conf\"", `{"c":1}`},
		{"include file(\n\"d/c.conf\"\n)", `{"c":1}`},
		{"a { include \"d/c.conf\" # x\n b = 2 }", `{"a":{"b":2,"c":1}}`},
	} {
		v, err := load(fsys, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := asJSON(t, v); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestIncludeErrors(t *testing.T) {
	fsys := files{
		"self.conf": "\n include \"self.conf\"",
		"p.conf":    `include "q.conf"`, "q.conf": `include "p.conf"`,
		"bad.conf":  "a = 1\nb c",
		"list.conf": `[1]`,
		"up.conf":   `include "t.conf"`, "a.conf": "x = ${y}",
	}
	for _, c := range []struct{ in, want string }{
		{`include "self.conf"`, `self.conf:2:2: include of a file within itself: t.conf > self.conf > self.conf`},
		{`include "p.conf"`, `q.conf:1:1: include of a file within itself: t.conf > p.conf > q.conf > p.conf`},
		{`include "./up.conf"`, `up.conf:1:1: include of a file within itself: t.conf > up.conf > t.conf`},
		{`include "bad.conf"`, `bad.conf:2:4: found the end of the text, expected = or : or += or { after the key "b c"`},
		{`include "list.conf"`, `list.conf:1:1: found a list, expected an object in an included file`},
		{`include required("no.conf")`, `t.conf:1:1: cannot include no.conf: there is no such file`},
		{`include ""`, `t.conf:1:1: found an empty file name, expected the file to include`},
		{`include file("a"`, `t.conf:1:17: found the end of the text, expected the ) that closes file(`},
		{`l = [{ include "a.conf" }]`, `t.conf:1:8: found substitutions in a file included within a list, expected none (move the include out of the list)`},
		{`include x`, `t.conf:1:9: found x, expected a file name in quotes, file("…") or required("…") after include`},
	} {
		_, err := load(fsys, c.in)
		checkError(t, err, c.want)
	}
}

func TestIncludeReadError(t *testing.T) {
	cause := errors.New("denied")
	_, err := Parse("t.conf", []byte(`include "x"`), Options{ReadFile: func(string) ([]byte, error) { return nil, cause }})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause in it", err)
	}
}

func TestIncludeLimits(t *testing.T) {
	nested := files{}
	for i := range 40 {
		nested[fmt.Sprintf("%d.conf", i)] = fmt.Sprintf("include \"%d.conf\"", i+1)
	}
	_, err := load(nested, `include "0.conf"`)
	checkError(t, err, "19.conf:1:1: includes within includes more than 20 deep")
	_, err = load(files{"e.conf": ""}, strings.Repeat("include \"e.conf\"\n", 101))
	checkError(t, err, "t.conf:101:1: more than 100 includes")
	_, err = load(nil, `include "`+strings.Repeat("x", 5000)+`"`)
	checkError(t, err, "t.conf:1:1: found a file name of 5000 bytes, expected at most 4096")
	big := strings.Repeat("#", maxText)
	_, err = load(files{"big.conf": big}, strings.Repeat("include \"big.conf\"\n", 9))
	checkError(t, err, "t.conf:4:1: found more than 4194304 bytes with all that is included")
}
