package tidy

import "testing"

// house is a small workspace of two modules that breaks no rule.
func house() sources {
	return sources{
		"go.work":     "go 1.26.0\n\nuse (\n\t./core\n\t./mqtt\n)\n",
		"core/go.mod": "module " + prefix + "core\n\ngo 1.26.0\n",
		"core/a.go":   "package core\n",
		"mqtt/go.mod": "module " + prefix + "mqtt\n\ngo 1.26.0\n\nrequire " + prefix + "core v0.0.0\n\nreplace " + prefix + "core => ../core\n",
		"mqtt/a.go":   importing("core"),
	}
}

func TestModules(t *testing.T) {
	with := func(path, text string) sources {
		tree := house()
		tree[path] = text
		return tree
	}
	without := func(path string) sources {
		tree := house()
		delete(tree, path)
		return tree
	}
	mqtt := "module " + prefix + "mqtt\n"
	need := "require " + prefix + "core "
	runBreaches(t, "modules", []breach{
		{"a whole house", house(), ""},
		{"no workspace", without("go.work"), "there is no go.work"},
		{"broken workspace", with("go.work", "use ((\n"), "go.work:1"},
		{"listed, but gone", without("core/go.mod"), "go.work:4: ./core has no go.mod"},
		{"there, but not listed", with("lab/go.mod", "module "+prefix+"lab\n"), "lab/go.mod:1: go.work does not list this module"},
		{"apart", with("tools/go.mod", "module "+prefix+"tools\n"), ""},
		{"broken go.mod", with("core/testdata/go.mod", "(\n"), ""},
		{"wrong path", with("core/go.mod", "module "+prefix+"kernel\n"), "its directory asks for " + prefix + "core"},
		{"wrong version", with("mqtt/go.mod", mqtt+need+"v0.1.0\nreplace "+prefix+"core => ../core\n"), "mqtt/go.mod:2: a sibling is required at v0.0.0, not v0.1.0"},
		{"no replace", with("mqtt/go.mod", mqtt+need+"v0.0.0\n"), "wants a replace by the relative path of ./core"},
		{"absolute replace", with("mqtt/go.mod", mqtt+need+"v0.0.0\nreplace "+prefix+"core => /core\n"), "wants a replace"},
		{"replace elsewhere", with("mqtt/go.mod", mqtt+need+"v0.0.0\nreplace "+prefix+"core => ../lab\n"), "wants a replace"},
		{"import without require", with("mqtt/go.mod", mqtt), "mqtt/a.go:2: mqtt/go.mod does not require " + prefix + "core"},
		{"test import without require", with("core/a_test.go", importing("mqtt")), "core/a_test.go:2: core/go.mod does not require"},
		{"no sums", with("core/go.mod", "module "+prefix+"core\n\nrequire example.org/x v1.0.0\n"), "core/go.mod:1: go.sum is missing"},
	})
}
