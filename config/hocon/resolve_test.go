package hocon

import "testing"

func TestSubstitutions(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`a = ${b}, b = 1`, `{"a":1,"b":1}`},
		{`a = ${ b."c" } x, b.c = [1`, ``},
		{`a = x${b}y ${?no} z, b = 1`, `{"a":"x1y  z","b":1}`},
		{`a = ${?no}, b = ${?no}${?no}, c = [${?no}, 1], d = ${?no} [1]`, `{"c":[1],"d":[1]}`},
		{`a = 1, a = ${?no}`, `{"a":1}`},
		{`h = ${HOME}, e = ${EMPTY}x, l = ${L[]}, m = ${?M[]}`, `{"e":"x","h":"/home/u","l":["x","y"]}`},
		{`HOME = null, h = ${HOME}`, `{"HOME":null,"h":null}`},
		{`a = ${no}, a = 42`, `{"a":42}`},
		{`a = 1, a = ${a}2, a = ${a}3`, `{"a":"123"}`},
		{`p = [a], p = ${p} [b], p += c`, `{"p":["a","b","c"]}`},
		{`a = ${?a}x`, `{"a":"x"}`},
		{`bar { foo = 42, baz = ${bar.foo} }`, `{"bar":{"baz":42,"foo":42}}`},
		{`bar { foo = 42, baz = ${bar.foo} }, bar { foo = 43 }`, `{"bar":{"baz":43,"foo":43}}`},
		{`bar { a = ${foo.d}, b = 1 }, bar.b = 3, foo { c = ${bar.b}, d = 2 }, foo.d = 4`, `{"bar":{"a":4,"b":3},"foo":{"c":3,"d":4}}`},
		{`foo { a { c = 1 } }, foo = ${foo.a}, foo { a = 2 }`, `{"foo":{"a":2,"c":1}}`},
		{`a = ${base} { c = ${a.b}, b = 1 }, base { b = 0 }`, `{"a":{"b":1,"c":1},"base":{"b":0}}`},
		{`base { z = ${a.b} }, a = ${base}, a { b = 1, c = ${a.b} }`, `{"a":{"b":1,"c":1,"z":1},"base":{"z":1}}`},
		{`base { z = ${a.b}, b = 1 }, a = ${base}`, `{"a":{"b":1,"z":1},"base":{"b":1,"z":1}}`},
		{`a = {x = 1}, a = ${b} {y = 2}, b = {x = 3}`, `{"a":{"x":3,"y":2},"b":{"x":3}}`},
		{`a = 5, a = ${?no} {y = 2}`, `{"a":{"y":2}}`},
		{`l = [{n = ${x}}, [${x}]], x = 7`, `{"l":[{"n":7},[7]],"x":7}`},
		{`a = {0 = x, 1 = y} [z]`, `{"a":["x","y","z"]}`},
		{`a = ${b} [z], b {2 = y, 1 = x, k = 1}`, `{"a":["x","y","z"],"b":{"1":"x","2":"y","k":1}}`},
		{`a = ${n} x, n = null`, `{"a":"null x","n":null}`},
		{`t = "${no}"`, `{"t":"${no}"}`},
		{`a = ${b}, b = ${c}, c = 1`, `{"a":1,"b":1,"c":1}`},
		{`a = 1, b = ${a}x, a = ${b}y`, `{"a":"1xy","b":"1xyx"}`},
	} {
		if c.want == "" {
			if _, err := load(nil, c.in); err == nil {
				t.Errorf("%s: no error", c.in)
			}
			continue
		}
		check(t, c.want, c.in)
	}
}

func TestSubstitutionErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`a = 1
b = x${no.such}`, `2:6: ${no.such} is not set, or only by itself (${?no.such} may be missing)`},
		{`a = ${a}`, `1:5: ${a} is not set, or only by itself (${?a} may be missing)`},
		{`a = ${b}, b = ${a}`, `1:15: ${a} is not set, or only by itself (${?a} may be missing)`},
		{`a = { b = ${a} }`, `1:11: ${a} asks for the whole of what it stands in: a cycle`},
		{`a = { b = ${c} }, c = ${a}`, `1:23: ${a} asks for the whole of what it stands in: a cycle`},
		{`a = ${s} {x = 1}, s = text`, `1:10: found an object beside text, expected two texts, two lists or two objects`},
		{`a = ${s.x}, s = text`, `1:5: ${s.x} is not set, or only by itself (${?s.x} may be missing)`},
	} {
		_, err := load(nil, c.in)
		checkError(t, err, "t.conf:"+c.want)
	}
}

func TestLayers(t *testing.T) {
	check(t, `{"a":{"x":1,"y":3,"z":4}}`, `a {x = 1, y = 2}`, `a {y = 3, z = 4}`)
	check(t, `{"dir":"/d","log":"/d/log"}`, `dir = data, log = ${dir}/log`, `dir = /d`)
	check(t, `{"a":[1,2,3]}`, `a = [1]`, `a += 2`, `a += 3`)
	check(t, `{"a":[2,3]}`, ``, `a += 2`, `a += 3`)
	check(t, `{"a":"xyz"}`, `a = x`, `a = ${a}y`, `a = ${a}z`)
	check(t, `{"a":5}`, `a {x = 1}`, `a = 5`)
	check(t, `{"a":{"y":1}}`, `a = 5`, `a {y = 1}`)
	check(t, `[1]`, `a = 5`, `[1]`)
}

func TestOrigins(t *testing.T) {
	v, err := load(nil, "a {\n  b = 1\n}\n", "\n a.c = [x,\n  {d = y}]")
	if err != nil {
		t.Fatal(err)
	}
	elems, _ := v.Get("a", "c").List()
	for _, c := range []struct {
		got  Origin
		want string
	}{
		{v.Get("a", "b").Origin(), "t.conf:2:7"},
		{v.Get("a").Members()[0].Origin(), "t.conf:2:3"},
		{v.Get("a").Members()[1].Origin(), "t.conf:2:2"},
		{v.Get("a", "c").Origin(), "t.conf:2:8"},
		{elems[1].Get("d").Origin(), "t.conf:3:8"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	if v.Get("a", "no", "such") != nil {
		t.Error("a path that is not there has a value")
	}
}
