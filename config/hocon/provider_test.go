package hocon

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/knadh/koanf/v2"
)

func TestProvider(t *testing.T) {
	v, err := load(nil, `a { "b.c" = 1, b.c = [x, {y = 1e5}] }, n = null, e {}`)
	if err != nil {
		t.Fatal(err)
	}
	k := koanf.New(Delim)
	if err := k.Load(Provider{v}, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": map[string]any{"b.c": json.Number("1"), "b": map[string]any{"c": []any{"x", map[string]any{"y": json.Number("1e5")}}}},
		"n": nil, "e": map[string]any{},
	}
	if diff := cmp.Diff(want, k.Raw()); diff != "" {
		t.Error(diff)
	}
	if k.Int64("a"+Delim+"b.c") != 1 || !k.Exists("n") || k.Get("n") != nil {
		t.Error("koanf does not see the values by their paths")
	}
	if _, err := (Provider{v}).ReadBytes(); !errors.Is(err, ErrNoBytes) {
		t.Error(err)
	}
}

func TestProviderRefuses(t *testing.T) {
	for _, in := range []string{`[1]`, `"a\u001fb" = 1`, `l = [{"\u001f" = 1}]`} {
		v, err := load(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (Provider{v}).Read(); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
	if _, err := (Provider{}).Read(); err == nil {
		t.Error("nil: no error")
	}
}
