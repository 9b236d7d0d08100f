package hocon

import "testing"

func TestValid(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{``, `{}`},
		{"# only\n// comments", `{}`},
		{"\ufeff{}\n", `{}`},
		{`[1, 2]`, `[1,2]`},
		{`{"a" : [true, false, null, 1.5e+3, -0.1, "x\u00e9\n"]}`, `{"a":[true,false,null,1.5e+3,-0.1,"xé\n"]}`},
		{"a=1,b:2\nc{d=3},", `{"a":1,"b":2,"c":{"d":3}}`},
		{"a\n=\n1", `{"a":1}`},
		{"a = [1\n2,\n3 // c\n,4,]", `{"a":[1,2,3,4]}`},
		{`a.b."c.d" = 1, a.b.e : 2`, `{"a":{"b":{"c.d":1,"e":2}}}`},
		{`10.0foo = 1, foo"10.0" = 2, true = 3, 3.14 = 4`, `{"10":{"0foo":1},"3":{"14":4},"foo10.0":2,"true":3}`},
		{`a b c = 1, a."".b = 2`, `{"a":{"":{"b":2}},"a b c":1}`},
		{`a.x = 1, a { y = 2 }, a = 3, b = 1, b { y = 2 }`, `{"a":3,"b":{"y":2}}`},
		{`a { x = 1 }, a = null, a { y = 2 }`, `{"a":{"y":2}}`},
		{`a =  foo  bar  # c`, `{"a":"foo  bar"}`},
		{`a = foo "  bar" 5 null`, `{"a":"foo   bar 5 null"}`},
		{`a = truefoo, b = footrue, c = 10.0bar, d = 01, e = -, f = 1e, g = 1.`, `{"a":"truefoo","b":"footrue","c":"10.0bar","d":"01","e":"-","f":"1e","g":"1."}`},
		{`a = [1] [2] [3], b = {x = 1} {y = 2}`, `{"a":[1,2,3],"b":{"x":1,"y":2}}`},
		{`a = """x"y\n""", b = """"q"""", c = """""", d = ""`, `{"a":"x\"y\\n","b":"\"q\"","c":"","d":""}`},
		{"a = \"\"\"l1\n  l2\"\"\"", `{"a":"l1\n  l2"}`},
		{`a = "\ud83d\ude00 \ud83d \\ \/ \b\f\r\t"`, `{"a":"😀 ` + "\ufffd" + ` \\ / \b\f\r\t"}`},
		{`a += 1, a += x, b = [0], b += {c = 1}`, `{"a":[1,"x"],"b":[0,{"c":1}]}`},
		{"a = 1\r\nb = 2\u00a0\r\n", `{"a":1,"b":2}`},
		{`includes = 1, include.x = 2, "include" = 3`, `{"include":3,"includes":1}`},
		{`s = on, d = 1h30m, p = 50%`, `{"d":"1h30m","p":"50%","s":"on"}`},
		{`a {} {b = 1}`, `{"a":{"b":1}}`},
	} {
		check(t, c.want, c.in)
	}
}

func TestLenient(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`node.name = emqx@127.0.0.1`, `{"node":{"name":"emqx@127.0.0.1"}}`},
		{`bind = 0.0.0.0:1883 # c`, `{"bind":"0.0.0.0:1883"}`},
		{`s = http://h:2379/a//c`, `{"s":"http://h:2379/a"}`},
		{`s = file:///p, x = fe80::1`, `{"s":"file:///p","x":"fe80::1"}`},
		{`s = [a@1.1.1.1, b:2, c]`, `{"s":["a@1.1.1.1","b:2","c"]}`},
		{`s = a@1.1.1.1, b@2.2.2.2:4370,c@h`, `{"s":"a@1.1.1.1, b@2.2.2.2:4370,c@h"}`},
		{"s = a@h, b@h,\nx = 1", `{"s":"a@h, b@h","x":1}`},
		{`s = a, b, x = 1`, `{"s":"a, b","x":1}`},
		{`s = a, b, x : 1, y { z = 1 }, w += 1`, `{"s":"a, b","w":[1],"x":1,"y":{"z":1}}`},
		{`{a:1,b:2}`, `{"a":1,"b":2}`},
		{`s = 10.0.0.1:4370,10.0.0.2:4370, t = 1`, `{"s":"10.0.0.1:4370,10.0.0.2:4370","t":1}`},
		{`s = http://a:1,http://b:2`, `{"s":"http://a:1,http://b:2"}`},
		{`p = 4369, 4370`, `{"p":"4369, 4370"}`},
		{`{ static { seeds = a, b } }`, `{"static":{"seeds":"a, b"}}`},
		{`l = [{a = x, y}, {b = 1, c = 2}]`, `{"l":[{"a":"x, y"},{"b":1,"c":2}]}`},
		{"s = a, # c\nx = 1", `{"s":"a","x":1}`},
		{`h = h1, s = ${h}:80, ${h}`, `{"h":"h1","s":"h1:80, h1"}`},
		{`s = a, "q,r" = 1`, `{"q,r":1,"s":"a"}`},
	} {
		check(t, c.want, c.in)
	}
}

func TestInvalid(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`}`, `1:1: found }, expected a key`},
		{`{`, `1:2: found the end of the text, expected the } that closes the { at t.conf:1:1`},
		{`{} x`, `1:4: found x, expected the end of the file`},
		{"a = 1\nb", `2:2: found the end of the text, expected = or : or += or { after the key b`},
		{"a =\n", `2:1: found the end of the text, expected a value`},
		{`a = 1 : 2`, `1:7: found :, expected a comma, a new line or the end of the file`},
		{`a = b c = 2`, `1:9: found =, expected a comma, a new line or the end of the file`},
		{`a = [1,,2]`, `1:8: found ,, expected a value`},
		{`a = [,1]`, `1:6: found ,, expected a value`},
		{`a = [1 `, `1:8: found the end of the text, expected a comma, a new line or the closing ]`},
		{"a = [1\n", `2:1: found the end of the text, expected the ] that closes the [ at t.conf:1:5`},
		{`a = [1}`, `1:7: found }, expected a comma, a new line or the closing ]`},
		{`,a = 1`, `1:1: found ,, expected a key`},
		{`a = 1,,b = 2`, `1:7: found ,, expected a key`},
		{`{"a" : 1, "b"}`, `1:14: found }, expected = or : or += or { after the key b`},
		{`a..b = 1`, `1:1: found an empty part in the key, expected a name on both sides of each dot (or quotes)`},
		{`.a = 1`, `1:1: found an empty part in the key, expected a name on both sides of each dot (or quotes)`},
		{`x { a. = 1 }`, `1:5: found a dot at the end of the key, expected a name after it (or quotes)`},
		{`x { = 1 }`, `1:5: found =, expected a key within x`},
		{`a = "x`, `1:7: found the end of the text, expected the closing quote of the text at t.conf:1:5`},
		{"a = \"x\ny\"", `1:7: found the end of the line, expected the closing quote of the text at t.conf:1:5`},
		{`a = "\x"`, `1:6: found a backslash, expected one of \" \\ \/ \b \f \n \r \t \uXXXX`},
		{`a = "\u12g4"`, `1:6: found \u, expected four hexadecimal digits after it`},
		{`a = """x""`, `1:5: found """, expected a closing """ before the end of the text`},
		{`pw = ab+cd`, `1:8: found + (text that contains it needs quotes), expected a comma, a new line or the end of the file`},
		{`a = $x`, `1:5: found $ (text that contains it needs quotes), expected a value`},
		{`${x} = 1`, `1:1: found $ (text that contains it needs quotes), expected a key`},
		{`a = ${x`, `1:8: found the end of the text, expected the } that closes the ${ at t.conf:1:5`},
		{`a = ${}`, `1:7: found }, expected a key`},
		{`a = ${x${y}}`, `1:8: found $ (text that contains it needs quotes), expected the } that closes the ${ at t.conf:1:5`},
		{`a = [{b += 1}]`, `1:7: found += within a list, expected = or :`},
		{`a = [1] x`, `1:9: found text beside a list, expected two texts, two lists or two objects`},
		{`a = {} [1]`, `1:8: found a list beside an object, expected two texts, two lists or two objects`},
		{`include = 1`, `1:9: found =, expected a file name in quotes, file("…") or required("…") after include`},
		{`include url("http://x")`, `1:1: found the URL "http://x", expected a file: includes of url() are not supported, as nothing is fetched at run time`},
		{`é = "ü" x@ = ` + "\xff", `1:14: found the byte 0xff, expected UTF-8 text`},
		{"a = ::1", `1:5: found :, expected a value`},
		{"a = x\x01", ``},
	} {
		_, err := load(nil, c.in)
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.in, err)
			}
			continue
		}
		checkError(t, err, "t.conf:"+c.want)
	}
}

func TestSetting(t *testing.T) {
	for _, c := range []struct{ key, in, want string }{
		{"a.b", "1", `{"a":{"b":1}}`},
		{`a."b.c"`, "[x, y]\n", `{"a":{"b.c":["x","y"]}}`},
		{"a", "n1@h, n2@h:1, x=", ``},
		{"a", "n1@h,n2@h:1,h3:2", `{"a":"n1@h,n2@h:1,h3:2"}`},
		{"a", "{x = 1, y = 2}", `{"a":{"x":1,"y":2}}`},
		{"a", "", `{"a":""}`},
		{"a", " x y ", `{"a":"x y"}`},
	} {
		tree, err := Setting("env A", c.key, c.in)
		if c.want == "" {
			checkError(t, err, "env A:1:16: found =, expected the end of the value (text that contains it needs quotes)")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := tree.Resolve(nil)
		if err != nil || asJSON(t, v) != c.want {
			t.Errorf("%s: %v %v, want %s", c.in, v, err, c.want)
		}
	}
	tree, _ := Setting("env A", "a", "5")
	v, _ := tree.Resolve(nil)
	if at := v.Get("a").Origin().String(); at != "env A" {
		t.Error(at)
	}
}

func TestSettingRefuses(t *testing.T) {
	for _, c := range []struct{ key, in, want string }{
		{"a", "secret#5", "e:1:7: found #, expected the end of the value (text that contains it needs quotes)"},
		{"a", "x // y", "e:1:3: found /, expected the end of the value (text that contains it needs quotes)"},
		{"a", "x\ny", "e:2:1: found y, expected the end of the value (text that contains it needs quotes)"},
		{"a", `{ include "x" }`, "e:1:3: found an include, which has no place here"},
		{"a..b", "x", "e:1:1: found an empty part in the key, expected a name on both sides of each dot (or quotes)"},
		{"a=", "x", "e:1:2: found =, expected the end of the key"},
		{"", "x", "e:1:1: found the end of the text, expected a key"},
		{"a", "\xff", "e:1:1: found the byte 0xff, expected UTF-8 text"},
		{"\xff", "a", "e:1:1: found the byte 0xff, expected UTF-8 text"},
	} {
		_, err := Setting("e", c.key, c.in)
		checkError(t, err, c.want)
	}
}
