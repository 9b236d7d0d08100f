package hocon

import (
	"errors"
	"io/fs"
	"testing"
)

// TestIncludeFormats: specification, "file formats and extensions" and
// "locating resources".
func TestIncludeFormats(t *testing.T) {
	fsys := files{
		"three.conf": "x = conf, c = 1", "three.json": `{"x": "json", "j": 1, "y": 2}`, "three.properties": "x = properties\ny = 1\np = 1",
		"one.json": `{"j": 1}`, "bare": "b = 1", "dotted.v2": "d = 1", "dotted.v2.conf": "d = 2",
		"sub/beside.conf": "include \"near\"\ninclude file(\"sub/near.conf\")\ninclude file(\"near.conf\")",
		"sub/near.conf":   "near = sub", "near.conf": "top = 1",
		"/etc/abs.conf": "abs = 1", "odd dir/x.conf": "odd = 1",
	}
	for _, c := range []struct{ what, in, want string }{
		{"all endings, HOCON last and JSON next to last", `include "three"`, `{"c":1,"j":1,"p":"1","x":"conf","y":2}`},
		{"one ending given", `include "three.json"`, `{"j":1,"x":"json","y":2}`},
		{"one ending found", `include "one"`, `{"j":1}`},
		{"no ending at all", `include "bare"`, `{"b":1}`},
		{"an unknown ending is part of the name", `include "dotted.v2"`, `{"d":2}`},
		{"file() tries them too", `include file("one")`, `{"j":1}`},
		{"required is content with one", `include required("one")`, `{"j":1}`},
		{"beside the including file, but file() from the working directory", `include "sub/beside"`, `{"near":"sub","top":1}`},
		{"an absolute name", `include "/etc/abs.conf"`, `{"abs":1}`},
		{"a file: URL is a plain name", `include "file:///etc/abs.conf"`, `{"abs":1}`},
		{"in url() as well", `include url("file:/etc/abs.conf")`, `{"abs":1}`},
		{"a URL has its ending written out", `include url("file:///etc/abs")`, `{}`},
		{"a name with a space", `include "odd dir/x"`, `{"odd":1}`},
		{"properties are text only", `include "three.properties"`, `{"p":"1","x":"properties","y":"1"}`},
	} {
		v, err := load(fsys, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if got := asJSON(t, v); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{`include required("no")`, `t.conf:1:1: cannot include no: there is no such file`},
		{`include required(url("file:///no"))`, `t.conf:1:1: cannot include /no: there is no such file`},
		{`include url("ftp://h/x")`, `t.conf:1:1: found the URL "ftp://h/x", expected a file: includes of url() are not supported, as nothing is fetched at run time`},
		{`include url("file://other/x")`, `t.conf:1:1: found the URL "file://other/x", expected a file: includes of url() are not supported, as nothing is fetched at run time`},
		{`include required(classpath("x"))`, `t.conf:1:18: found classpath(), expected a file: includes of classpath() are not supported, as nothing but files is read at run time`},
		{`include "a` + "\x00" + `b"`, `t.conf:1:11: found a control character, expected the closing quote of the text at t.conf:1:9`},
		{`include "a\u0000b"`, `t.conf:1:1: found a file name with a zero byte, expected the file to include`},
	} {
		_, err := load(fsys, c.in)
		checkError(t, err, c.want)
	}
	if _, err := load(fsys, `include required("no")`); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not in the error")
	}
}

// TestProperties: specification, "Java properties mapping".
func TestProperties(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"separators", "a=1\nb:2\nc 3\nd = 4\ne\\==5\nf\\ g=6", `{"a":"1","b":"2","c":"3","d":"4","e=":"5","f g":"6"}`},
		{"comments and blank lines", "# c\n  ! c\n\n\r\na=1", `{"a":"1"}`},
		{"values are text", "a=true\nb=[1]\nc=${x}", `{"a":"true","b":"[1]","c":"${x}"}`},
		{"no value", "a=\nb\nc =", `{"a":"","b":"","c":""}`},
		{"white space at the end stays", "a = x  ", `{"a":"x  "}`},
		{"a line goes on", "a = x\\\n   y\\\\\nb=1\\", `{"a":"xy\\","b":"1"}`},
		{"escapes", `a=\t\n\u0041\q\:`, `{"a":"\t\nAq:"}`},
		{"dots split, empty parts too", "a.b=1\na.c=2\n.=3\nd.=4", `{"":{"":"3"},"a":{"b":"1","c":"2"},"d":{"":"4"}}`},
		{"the object wins", "a=x\na.b=1\na=y", `{"a":{"b":"1"}}`},
		{"later wins", "a=1\na=2", `{"a":"2"}`},
	} {
		v, err := load(files{"p.properties": c.in}, `include "p"`)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		} else if got := asJSON(t, v); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
	_, err := load(files{"p.properties": "a=1\nb=\\u12"}, `include "p"`)
	checkError(t, err, `p.properties:2:1: found \u, expected four hexadecimal digits after it`)
	_, err = load(files{"p.properties": "a=\xff"}, `include "p"`)
	checkError(t, err, `p.properties:1:3: found the byte 0xff, expected UTF-8 text`)
}

// TestDialects has a row for each place where the two dialects that operators
// bring along differ, with what this reader does.
func TestDialects(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"@ in text: as emqx.conf has it", "node.name = emqx@127.0.0.1, seeds = [emqx1@10.0.0.1]", `{"node":{"name":"emqx@127.0.0.1"},"seeds":["emqx1@10.0.0.1"]}`},
		{"environment: as Lightbend", "a = ${?HOME}", `{"a":"/home/u"}`},
		{"+=: as Lightbend", "a = [1], a += 2", `{"a":[1,2]}`},
		{"a new line ends a value: as Lightbend", "a = foo\nbar\nb=1", "t.conf:3:1: found b, expected = or : or += or { after the key bar"},
		{"and a list", "a=[1]\n[2]", "t.conf:2:1: found [, expected a key"},
		{"a block: as emqx.conf", "a = \"\"\"~\n  l1\n    l2\n  ~\"\"\"", `{"a":"l1\n  l2\n"}`},
		{"keys of several words: as Lightbend", "a b = 1", `{"a b":1}`},
		{"quoted paths: as Lightbend", `"a.b".c = ${"x"}, x = 1`, `{"a.b":{"c":1},"x":1}`},
		{"a slash in a key: as Lightbend", "/a/b : 1", `{"/a/b":1}`},
		{"spaces in a substitution: as Lightbend", "a = ${ b }, b = 1", `{"a":1,"b":1}`},
		{"a look back: as Lightbend", "a = 1, a = ${a}2", `{"a":"12"}`},
		{"a raw tab in quotes: as Lightbend", "a = \"\t\"", `t.conf:1:6: found a tab (\t within quotes), expected the closing quote of the text at t.conf:1:5`},
		{"host:port: as neither", "a = 0.0.0.0:1883", `{"a":"0.0.0.0:1883"}`},
		{"a URL: as neither", "a = http://x", `{"a":"http://x"}`},
		{"include of a file that is missing: as both", `include "no.conf"`, `{}`},
	} {
		v, err := load(nil, c.in)
		switch {
		case err != nil:
			checkError(t, err, c.want)
		case asJSON(t, v) != c.want:
			t.Errorf("%s: got %s, want %s", c.what, asJSON(t, v), c.want)
		}
	}
}
