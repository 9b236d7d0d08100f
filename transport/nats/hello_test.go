package nats

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
)

func heard(t testing.TB, tr *Transport) []string {
	t.Helper()
	all, err := tr.Heard()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Nodes hear of one another at once, whoever came first, over one server and
// over three; a node of another cluster is not heard.
func TestHeard(t *testing.T) {
	for name, servers := range map[string][]*natstest.Server{"one": {natstest.Start(t)}, "three": natstest.Cluster(t, 3)} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			listen(t, 9, servers[0], func(o *Options) { o.Cluster = "another" })
			var all []*Transport
			for i := range 3 {
				all = append(all, listen(t, i, servers[i%len(servers)]))
			}
			for i, tr := range all {
				want := slices.DeleteFunc([]string{uidOf(0), uidOf(1), uidOf(2)}, func(u string) bool { return u == uidOf(i) })
				for !slices.Equal(heard(t, tr), want) {
					select {
					case <-tr.Changed():
					case <-time.After(patience):
						t.Fatalf("node %d hears %v", i, heard(t, tr))
					}
				}
			}
			if took := time.Since(began); took > announceEvery {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// Anybody may say that nodes are there: so many are remembered and no more.
func TestHeardIsBounded(t *testing.T) {
	tr := listen(t, 1, natstest.Start(t))
	var p packet
	for i := range uint32(maxHeard + 10) {
		binary.BigEndian.PutUint32(p.from[:], i+1)
		tr.hear(p)
	}
	if n := len(heard(t, tr)); n != maxHeard || tr.Stats().Unheard != 10 {
		t.Errorf("%d remembered, %d not", n, tr.Stats().Unheard)
	}
	tr.mu.Lock()
	for u := range tr.heard {
		tr.heard[u] = time.Now().Add(-forgetAfter - time.Second)
	}
	tr.mu.Unlock()
	if n := len(heard(t, tr)); n != 0 {
		t.Errorf("%d are not forgotten", n)
	}
}
