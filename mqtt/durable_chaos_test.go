package mqtt

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/journal"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestJournalChaos runs connections of few client IDs into each other, with
// everything that is recorded, while the journal is begun anew all the time.
// It is cut off in the middle, as by a kill, again and again: the next broker
// must understand what is there.
func TestJournalChaos(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	recovered, compacted := uint64(0), uint64(0)
	for life := range 12 {
		r, c := oneLife(t, dir, rand.New(rand.NewPCG(seed, uint64(life))))
		recovered, compacted = recovered+r, compacted+c
	}
	if recovered == 0 || compacted == 0 {
		t.Errorf("%d sessions recovered, %d compactions", recovered, compacted)
	}
}

func oneLife(t *testing.T, dir string, rng *rand.Rand) (recovered, compactions uint64) {
	var b *Broker
	j, err := journal.New(journal.Options{Dir: dir, Compact: 20_000, Checkpoint: func(func(byte, []byte)) error { return b.Checkpoint() }})
	if err != nil {
		t.Fatal(err)
	}
	f := onTCP(t, Limits{MaxInflight: 4, MaxQueue: 50}, func(o *Options) { o.Journal = j })
	b = f.broker
	if err := j.Recover(b.Recover); err != nil {
		t.Fatal(err)
	}
	if err := b.Resume(joined()); err != nil {
		t.Fatal(err)
	}
	recovered = f.count("mqtt_sessions_recovered_total", "")
	const actors, visits = 6, 15
	visited := make(chan struct{}, actors*visits)
	var running sync.WaitGroup
	for range actors {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		running.Go(func() {
			for range visits {
				f.visitDurably(own)
				visited <- struct{}{}
			}
		})
	}
	for range 20 + rng.IntN(actors*visits-20) {
		<-visited
	}
	if err := j.Close(); err != nil {
		t.Logf("the kill: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	running.Wait()
	f.wantCount("mqtt_panics_total", "", 0)
	for _, c := range j.Counters() {
		if c.Name == "journal_compactions_total" {
			compactions = c.Value
		}
	}
	return recovered, compactions
}

// visitDurably connects, does what a client may do, and goes in some way.
func (f *fixture) visitDurably(rng *rand.Rand) {
	nc, err := f.dial()
	if err != nil {
		return // the broker is closed
	}
	defer nc.Close()
	req := packet.Connect{Version: 5, CleanStart: rng.IntN(4) == 0, ClientID: ids[rng.IntN(len(ids))], SessionExpiry: uint32(rng.IntN(2) * 1000)}
	if rng.IntN(2) == 0 {
		req.Will = &packet.Will{Topic: "t/1", Payload: []byte("will"), QoS: 1}
	}
	wire := req.Append(nil)
	for i := range uint16(5) {
		id := i + 1
		sub := packet.Subscription{Filter: core.Filter(fmt.Sprintf("t/%d", rng.IntN(3))), QoS: 2}
		wire = packet.Subscribe{Version: 5, ID: id, Subscriptions: []packet.Subscription{sub}}.Append(wire)
		wire = packet.Publish{Version: 5, Topic: []byte("t/1"), Payload: make([]byte, rng.IntN(300)), QoS: core.QoS(1 + rng.IntN(2)), ID: 10 + id}.Append(wire)
		for _, typ := range []packet.Type{packet.TypePuback, packet.TypePubrec, packet.TypePubcomp, packet.TypePubrel} {
			wire = packet.Ack{Version: 5, Type: typ, ID: uint16(rng.IntN(20) + 1)}.Append(wire)
		}
	}
	if rng.IntN(3) == 0 {
		wire = packet.Disconnect{Version: 5}.Append(wire)
	}
	if _, err := nc.Write(wire); err == nil {
		readSome(nc, rng.IntN(2000))
	}
}

// readSome reads until n bytes have come, or nothing more does.
func readSome(nc net.Conn, n int) {
	_ = nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	for b := make([]byte, 500); n > 0; {
		got, err := nc.Read(b)
		if err != nil {
			return
		}
		n -= got
	}
}
