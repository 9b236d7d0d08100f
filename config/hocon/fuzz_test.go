package hocon

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzParse: no text makes the reader panic or hang; a text is either refused
// with a place in it or gives a value that is itself a document of the same
// meaning when written as JSON.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, true, null, "x\u00e9"]}`, "a.b = ${?c} x\nc += [1] {x = 1}", `include "in.conf"`, "s = a@h:1, b@h, k = 1",
		`a = """x""" "y" ${HOME}`, `a = ${a}, a { b = ${a.b} }, a += 1`, `l = [{0 = ${L[]}}, "\ud83d\ude00"]`, "[1\n2]",
		"a = \"\"\"~\n  x\n   y\n ~\"\"\"", `a = {b = ${?a}}, c = [${?c}]`, `include file("in"), include required("p")`,
	} {
		f.Add(seed)
	}
	fsys := files{"in.conf": "i = ${a}\na += 1\ninclude \"t.conf\"", "x": "y = 1", "p.properties": "p.q=1"}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := load(fsys, text)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.At.Name == "" || e.At.Line == 0 {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		again(t, v)
		_, _ = Duration(text)
		_, _ = Size(text)
		_, _ = Percent(text)
	})
}

func again(t *testing.T, v *Value) {
	written, err := json.Marshal(v.plain())
	if err != nil {
		t.Fatal(err)
	}
	if v.kind != Object && v.kind != List || v.depth >= maxDepth || len(written) > maxText {
		return
	}
	v2, err := load(nil, string(written))
	if err != nil {
		t.Fatalf("%s: %v", written, err)
	}
	if got := asJSON(t, v2); got != string(written) {
		t.Fatalf("\n got %s\nwant %s", got, written)
	}
}

func FuzzSetting(f *testing.F) {
	f.Add("a.b", "n1@h, n2@h:1")
	f.Add(`"a.b".c`, "[1, ${x}]")
	f.Fuzz(func(t *testing.T, key, value string) {
		if tree, err := Setting("e", key, value); err == nil {
			tree.Rename([]string{"a.b"}, map[string]string{"a.b": "c.d"})
			_, _ = tree.Resolve(env) // either is fine, as long as it returns
		}
	})
}

// FuzzProperties: the same of the properties format.
func FuzzProperties(f *testing.F) {
	f.Add("a.b=1\n!c\nd\\\n e:\\u0041")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := load(files{"p.properties": text}, `include "p"`)
		var e *Error
		if err == nil {
			again(t, v)
		} else if !errors.As(err, &e) || e.At.Line == 0 {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}
