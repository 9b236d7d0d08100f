package stall

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

var bin kit.Programs

func TestMain(m *testing.M) { os.Exit(kit.Main(m, &bin, "static")) }

const (
	formed   = time.Minute
	failure  = 6 * time.Second // until a stopped node is failed, at the most
	settling = 3 * time.Second // of load before the stop
	// growth bounds the memory of the neighbour: two lanes of 16 MiB, each with
	// as much again of messages in sequence, and the garbage of a flood.
	growth = 96 << 20
)

// A stopped node costs its neighbour bounded memory. A publisher without a
// match on it does not notice; one with a match waits until the node is
// failed, no longer. Everything of QoS 1 that was admitted before that comes
// when the node goes on, in order; what was published later is counted.
func TestStoppedPeer(t *testing.T) {
	nodes := cluster(t)
	first, second, stopped := nodes[0], nodes[1], nodes[2]
	second.Connect("near").Sub("near/#")
	far := stopped.Resume("far").Sub("far/#")
	drain(t, stopped.Connect("drain"))
	near := begin(t, first.Connect("near publisher"), "near/x")
	needy := begin(t, first.Connect("far publisher"), "far/x")
	memory := flood(t, first, "before", settling)
	before := near.quantile()

	if err := syscall.Kill(stopped.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(stopped.PID(), syscall.SIGCONT) })
	at := time.Now()
	near.mark()
	most := flood(t, first, "meanwhile", kit.Choose(8*time.Second, 60*time.Second))
	during := near.quantile()
	kit.Sees(t, formed, nodes[:2], nodes[2:])
	if err := syscall.Kill(stopped.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	length := time.Since(at)
	kit.One(t, formed, nodes...)
	soon := needy.count() + 2 // the second of them was begun after that, and is not missing
	kit.Until(t, formed, "the stopped node acknowledges again", func() bool { return needy.ended() || needy.count() >= soon })
	near.end()
	sent := needy.end()

	t.Logf("stopped for %v: publishers without a match: p99 %v before, %v meanwhile; the slowest of one with a match %v; memory %d MB before, %d MB at most",
		length.Round(time.Second), before, during, needy.slowest.Round(time.Millisecond), memory>>20, most>>20)
	// Other tests may take the processors meanwhile and not before: then it must
	// be far from the wait of those with a match.
	if during > 2*before && during > kit.Choose(needy.slowest/10, 10*time.Millisecond) {
		t.Errorf("p99 %v before and %v while a node that they do not need is stopped", before, during)
	}
	if needy.slowest > failure {
		t.Errorf("a publish with a match waited %v", needy.slowest)
	}
	if most > memory+growth {
		t.Errorf("memory rose from %d to %d MB", memory>>20, most>>20)
	}
	judge(t, first, upTo(t, far, "far/x="+strconv.Itoa(sent-1)), needy, sent)
}

// upTo returns what comes up to a message, which is the last: they come in
// order.
func upTo(t *testing.T, c *kit.Client, last string) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	kit.Until(t, formed, last+" comes", func() bool {
		maps.Copy(got, c.Within(100*time.Millisecond, 100))
		return got[last]
	})
	return got
}

// judge compares what the stopped node's client got with what was published:
// in one piece until the node was failed, and all of it afterwards.
func judge(t *testing.T, from *kit.Node, got map[string]bool, p *publisher, sent int) {
	t.Helper()
	var missing []int
	for n := range sent {
		if !got["far/x="+strconv.Itoa(n)] {
			missing = append(missing, n)
		}
	}
	counted := int(kit.Count(t, from.Dir, `messages_dropped_total{reason="peer_failed"}`))
	t.Logf("%d messages with a match, %d of them not delivered, %d dropped for a failed peer", sent, len(missing), counted)
	if len(missing) == 0 {
		t.Error("nothing was published while the node was failed")
		return
	}
	if first, last := missing[0], missing[len(missing)-1]; last-first+1 != len(missing) {
		t.Errorf("the messages that are missing lie apart: %d from %d to %d", len(missing), first, last)
	}
	if missing[0] < p.blocked {
		t.Errorf("message %d is missing, which was published before the node was failed: %d waited for that", missing[0], p.blocked)
	}
	if counted < len(missing) {
		t.Errorf("%d messages are missing, %d are counted", len(missing), counted)
	}
}

// cluster starts three nodes.
func cluster(t *testing.T) (nodes []*kit.Node) {
	t.Helper()
	root, seeds := t.TempDir(), []string(nil)
	for i := 1; i <= 3; i++ {
		n := bin.Node(t, kit.Options{Name: fmt.Sprintf("n%d@127.0.0.1", i), Dir: filepath.Join(root, fmt.Sprint(i))})
		nodes, seeds = append(nodes, n), append(seeds, strconv.Quote(n.Addr()))
	}
	for _, n := range nodes {
		n.Conf += "\ncluster { discovery_strategy = static, static.seeds = [" + strings.Join(seeds, ", ") + "] }\n"
		n.Start()
	}
	kit.One(t, formed, nodes...)
	return nodes
}

// drain subscribes to the flood and keeps nothing of it.
func drain(t *testing.T, c *kit.Client) {
	t.Helper()
	token := c.Subscribe("flood/#", 0, func(mqtt.Client, mqtt.Message) {})
	if token.Wait(); token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// flood publishes at QoS 0 to the node that is stopped as fast as it goes, for
// d, and returns the highest memory of the node that takes it.
func flood(t *testing.T, at *kit.Node, name string, d time.Duration) (most int) {
	t.Helper()
	c, payload := at.Connect("flood "+name), make([]byte, 1<<10)
	look := time.Now()
	for began := time.Now(); time.Since(began) < d; {
		if token := c.Publish("flood/x", 0, false, payload); !token.WaitTimeout(formed) {
			t.Fatal("a publish at QoS 0 was not taken")
		}
		if time.Since(look) > 200*time.Millisecond {
			look, most = time.Now(), max(most, rss(t, at))
		}
	}
	return most
}

// rss is the resident memory of a node, in bytes.
func rss(t *testing.T, n *kit.Node) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// quantile99 is the time that 99 of 100 do not exceed.
func quantile99(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}
