package tidy

import (
	"fmt"
	"strings"
	"testing"
)

// importing is a Go file that imports packages of ours.
func importing(packages ...string) string {
	text := "package p\n"
	for _, p := range packages {
		text += fmt.Sprintf("import %q\n", prefix+p)
	}
	return text
}

func TestWalls(t *testing.T) {
	table := []struct {
		from, to string
		ok       bool
	}{
		{"core", "transport", false},
		{"core", "core/route", false},
		{"transport", "core", false},
		{"discovery", "core", false},
		{"discovery", "discovery/proto/v1", true},
		{"discovery/discoverytest", "discovery", true},
		{"config", "config/hocon", true},
		{"config", "core", false},
		{"core/lane", "core", true},
		{"core/lane", "core/replica", false},
		{"core/membership", "core/lane", false},
		{"core/route", "core/replica", true},
		{"core/route", "core/lane", false},
		{"core/wire", "core/replica", true},
		{"core/wire", "transport", true},
		{"core/wire", "transport/tcp", false},
		{"core/wire", "core/node", false},
		{"core/pluginhost", "discovery", true},
		{"core/pluginhost", "core/membership", false},
		{"core/node", "core/wire", true},
		{"core/node", "transport/mem", false},
		{"core/node", "mqtt", false},
		{"core/admin", "core/node", true},
		{"transport/tcp", "transport", true},
		{"transport/tcp", "transport/mem", false},
		{"transport/tcp", "core", false},
		{"plugins/static", "discovery", true},
		{"plugins/static", "plugins/static/seeds", true},
		{"plugins/static", "plugins/dns", false},
		{"plugins/static", "core", false},
		{"mqtt/session", "core", true},
		{"mqtt", "mqtt/session", true},
		{"mqtt", "core/route", false},
		{"mqtt", "transport", false},
		{"conformance/transport", "transport", true},
		{"conformance/transport", "transport/tcp", false},
		{"conformance/strategy", "plugins/static", false},
		{"cmd/muster", "transport/tcp", true},
		{"cmd/muster", "sim", false},
		{"cmd/muster", "lab", false},
		{"cmd/muster", "conformance/transport", false},
		{"cmd/internal/cli", "core/admin", true},
		{"sim", "core/node", true},
		{"sim", "bench/load", false},
		{"bench/load", "bench/internal/wire", true},
		{"examples/demo", "core/node", true},
		{"tools/tidy", "core", false},
	}
	for _, c := range table {
		found := wallFindings(t, one(c.from+"/a.go", importing(c.to)))
		if ok := len(found) == 0; ok != c.ok {
			t.Errorf("%s imports %s: found %q, want allowed = %v", c.from, c.to, found, c.ok)
		}
	}
}

// wallFindings leaves out what is said of rooms that the small tree lacks.
func wallFindings(t *testing.T, tree sources) []string {
	var found []string
	for _, line := range tree.check(t, "walls") {
		if !strings.Contains(line, "correct the table") {
			found = append(found, line)
		}
	}
	return found
}

func TestWallsTellTheReason(t *testing.T) {
	found := wallFindings(t, one("core/lane/a.go", importing("core", "core/node")))
	want := "core/lane/a.go:3: core/lane may not import core/node: " + whyPure
	if len(found) != 1 || found[0] != want {
		t.Errorf("found %q, want %q", found, want)
	}
}

func TestWallsBindNoTests(t *testing.T) {
	if found := wallFindings(t, one("core/lane/a_test.go", importing("transport/mem"))); len(found) > 0 {
		t.Errorf("found %q in a test file", found)
	}
}

func TestNewRoomNeedsARow(t *testing.T) {
	for _, dir := range []string{"garden", "core/garden", "corex"} {
		found := wallFindings(t, one(dir+"/a.go", "package p\n"))
		if len(found) != 1 || !strings.Contains(found[0], "no row of the table of walls fits") {
			t.Errorf("%s: found %q", dir, found)
		}
	}
}

func TestVanishedRoom(t *testing.T) {
	tree := sources{}
	for _, r := range walls {
		tree[strings.TrimSuffix(r.dir, "/...")+"/a.go"] = "package p\n"
	}
	if found := tree.check(t, "walls"); len(found) > 0 {
		t.Fatalf("a whole house: found %q", found)
	}
	delete(tree, "core/lane/a.go")
	found := tree.check(t, "walls")
	if len(found) != 1 || !strings.HasPrefix(found[0], "core/lane:1: the table of walls names this room") {
		t.Errorf("without core/lane: found %q", found)
	}
	delete(tree, "core/heal/a.go")
	if more := tree.check(t, "walls"); len(more) != 1 {
		t.Errorf("a planned room may be absent, found %q", more)
	}
}

func TestPure(t *testing.T) {
	code := func(imports, body string) string {
		return "package p\nimport (\n" + imports + ")\nfunc f() {\n" + body + "\n}\n"
	}
	table := []breach{
		{"net", one("core/lane/a.go", code("\"net/http\"\n", "")), `core/lane/a.go:3: a pure room imports "net/http"`},
		{"os", one("core/heal/a.go", code("\"os\"\n", "")), `imports "os"`},
		{"lock", one("core/lane/a.go", code("\"sync\"\n", "")), `imports "sync"`},
		{"atomics are locks elsewhere", one("core/lane/a.go", code("\"sync/atomic\"\n", "")), `imports "sync/atomic"`},
		{"route has readers", one("core/route/a.go", code("\"sync\"\n", "")), ""},
		{"goroutine", one("core/route/a.go", code("", "go f()")), "core/route/a.go:5: a pure room starts a goroutine"},
		{"channel", one("core/replica/a.go", code("", "make(chan int)")), "a pure room uses a channel"},
		{"clock", one("core/membership/a.go", code("\"time\"\n", "time.Now()")), "time.Now"},
		{"timer", one("core/membership/a.go", code("t \"time\"\n", "t.NewTimer(1)")), "time.NewTimer"},
		{"durations are fine", one("core/membership/a.go", code("\"time\"\n", "time.Unix(1, 2).Add(time.Second)")), ""},
		{"global random", one("core/autocluster/a.go", code("\"math/rand/v2\"\n", "rand.IntN(3)")), "global random source"},
		{"own random", one("core/autocluster/a.go", code("\"math/rand/v2\"\n", "rand.New(rand.NewPCG(1, 2)).IntN(3)")), ""},
		{"below the room", one("core/lane/x/a.go", code("\"os\"\n", "")), `imports "os"`},
		{"tests are free", one("core/lane/a_test.go", code("\"os\"\n", "go f()")), ""},
		{"shells are free", one("core/node/a.go", code("\"os\"\n", "go f()")), ""},
	}
	runBreaches(t, "pure", table)
}
