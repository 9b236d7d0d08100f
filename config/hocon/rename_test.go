package hocon

import (
	"fmt"
	"testing"
)

func TestRename(t *testing.T) {
	aliases := map[string]string{"c.old": "c.new", "c.K8s": "c.k8s", "l.con.level": "l.level", "far": "c.far"}
	order := []string{"c.old", "c.K8s", "l.con.level", "far"}
	for _, c := range []struct{ in, want, used string }{
		{`c.new = 1`, `{"c":{"new":1}}`, `[]`},
		{`c { old = 1 }, x = ${c.old}`, `{"c":{"new":1},"x":1}`, `[c.old>c.new@t:1:5]`},
		{`c { new = 2, old = 1 }`, `{"c":{"new":2}}`, `[c.old>c.new@t:1:14]`},
		{`c.old = [1], c.old += 2`, `{"c":{"new":[1,2]}}`, `[c.old>c.new@t:1:14]`},
		{`c.K8s { a = 1 }, c.k8s.b = ${c.K8s.a}`, `{"c":{"k8s":{"a":1,"b":1}}}`, `[c.K8s>c.k8s@t:1:1]`},
		{`l.con.level = x`, `{"l":{"level":"x"}}`, `[l.con.level>l.level@t:1:1]`},
		{`l.con {level = x, y = [${far}]}, far = 1`, `{"c":{"far":1},"l":{"con":{"y":[1]},"level":"x"}}`, `[l.con.level>l.level@t:1:8 far>c.far@t:1:34]`},
		{`c = ${d}, c.old = 1, d.x = 2`, `{"c":{"new":1,"x":2},"d":{"x":2}}`, `[c.old>c.new@t:1:11]`},
		{`[1]`, `[1]`, `[]`},
	} {
		tree, err := Parse("t", []byte(c.in), Options{})
		if err != nil {
			t.Fatal(err)
		}
		used := []string{}
		for _, r := range tree.Rename(order, aliases) {
			used = append(used, fmt.Sprintf("%s>%s@%s", r.Old, r.New, r.At))
		}
		v, err := tree.Resolve(nil)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := asJSON(t, v); got != c.want || fmt.Sprint(used) != c.used {
			t.Errorf("%s\n got %s %v\nwant %s %s", c.in, got, used, c.want, c.used)
		}
	}
}

func TestRenameAcrossLayers(t *testing.T) {
	low, _ := Parse("t", []byte(`c.new = [1]`), Options{})
	high, _ := Parse("t", []byte(`c.old += 2`), Options{})
	high.Rename([]string{"c.old"}, map[string]string{"c.old": "c.new"})
	low.Merge(high)
	v, err := low.Resolve(nil)
	if err != nil || asJSON(t, v) != `{"c":{"new":[1,2]}}` {
		t.Error(v, err)
	}
}

func TestLiteral(t *testing.T) {
	v, err := Literal("flag --x", []string{"a", "b.c"}, "${no} # not a comment").Resolve(nil)
	if err != nil || asJSON(t, v) != `{"a":{"b.c":"${no} # not a comment"}}` || v.Get("a", "b.c").Origin().String() != "flag --x" {
		t.Error(v, err)
	}
}
