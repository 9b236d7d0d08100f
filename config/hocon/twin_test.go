package hocon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyValue draws what a JSON document may hold, as encoding/json reads it.
func anyValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.String(), func(s string) any { return strings.ToValidUTF8(s, "?") }),
		rapid.Map(rapid.Float64Range(-1e30, 1e30), func(f float64) any { return json.Number(fmt.Sprint(f)) }),
		rapid.Just[any](nil),
	}
	if depth > 0 {
		inner := anyValue(depth - 1)
		kinds = append(kinds,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(rapid.StringMatching(`[a-c."\\ é]{0,3}`), inner, 0, 4), func(m map[string]any) any { return m }))
	}
	return rapid.OneOf(kinds...)
}

// TestJSON: every JSON document is one of ours and means the same.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]any{"root": anyValue(3).Draw(t, "value")}
		text, err := json.MarshalIndent(want, "", rapid.SampledFrom([]string{"", "\t"}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := load(nil, string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, any(v.plain()), cmp.Comparer(func(a, b json.Number) bool { return a == b })); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
	})
}

// dumbMerge is the specification's rule for two values of one key.
func dumbMerge(under, over any) any {
	a, okA := under.(map[string]any)
	b, okB := over.(map[string]any)
	if !okA || !okB {
		return over
	}
	out := map[string]any{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		if old, ok := out[k]; ok {
			v = dumbMerge(old, v)
		}
		out[k] = v
	}
	return out
}

// TestMergeTwin lays documents over one another: as layers, as one text, and
// as references to a copy of each elsewhere; all three say what dumbMerge says.
func TestMergeTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SliceOfN(anyValue(3), 1, 4).Draw(t, "docs")
		var layers []string
		var text, refs string
		want := docs[0]
		for i, doc := range docs {
			var b bytes.Buffer
			if err := json.NewEncoder(&b).Encode(doc); err != nil {
				t.Fatal(err)
			}
			layers = append(layers, "x = "+b.String())
			text += layers[i]
			refs += fmt.Sprintf("x = ${copy%d}\ncopy%[1]d = %s", i, b.String())
			if i > 0 {
				want = dumbMerge(want, doc)
			}
		}
		for _, in := range [][]string{layers, {text}, {refs}} {
			v, err := load(nil, in...)
			if err != nil {
				t.Fatalf("%q: %v", in, err)
			}
			if diff := cmp.Diff(want, v.Get("x").plain()); diff != "" {
				t.Fatalf("%q\n%s", in, diff)
			}
		}
	})
}
