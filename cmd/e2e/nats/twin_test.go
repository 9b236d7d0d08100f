package nats

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

const inUse = "a copy of this node's data directory is in use"

// TestCopiedDirectory: a node that is started on a copy of another one's data
// directory takes its place, and both say what is the matter; once the copy has
// ended, the first one is a member again with the first start that the others do
// not know.
func TestCopiedDirectory(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	all := nodes(t, 2, hear, server)
	start(t, all...)
	first, peer := all[0], all[1]
	twin := bin.Node(t, kit.Options{
		Name: first.Name, Dir: filepath.Join(t.TempDir(), "copy"),
		Conf: fmt.Sprintf("cluster.name = \"the.cluster\"\ntransport { type = nats, nats.url = \"%s\" }\n%s", server.URL(), hear),
	})
	text, err := os.ReadFile(filepath.Join(first.Dir, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(twin.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(twin.Dir, "node.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	twin.Start()
	twin.Ready()
	kit.One(t, formTime, twin, peer)
	for n, what := range map[*kit.Node]string{first: "started later", twin: "started earlier"} {
		kit.Until(t, formTime, what, func() bool { return len(n.Logged(inUse, what, "advice=")) > 0 })
	}
	for i := range 20 { // rows of the copy, for which the first one's are not to be taken
		twin.Connect(fmt.Sprint("c", i)).Sub(fmt.Sprint("copy/", i))
	}
	sub := peer.Connect("s").Sub("t")
	twin.Connect("p").Pub("t", "from the copy")
	sub.Next("t=from the copy")
	if got := first.Strategy("transport"); got.Backend != "down" {
		t.Errorf("the first one: %+v", got)
	}
	twin.Stop()
	first.Stop()
	first.Start() // as often as the copy was, so the others know this start
	kit.Until(t, formTime, "the first one ends, and says why", func() bool {
		return !first.Runs() && len(first.Logged("the other nodes know more of this start")) > 0
	})
	first.Start()
	first.Ready()
	kit.One(t, formTime, first, peer)
	again := first.Connect("again").Sub("to/the/first")
	peer.Connect("p2").Pub("to/the/first", "x")
	again.Next("to/the/first=x")
}
