package mqtt

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestWillOnce: a kill at any instant around the loss of a client leaves its
// will to be published once, by this process or by the next.
func TestWillOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		client packet.Connect
	}{
		{"session ends", packet.Connect{ClientID: "a", CleanStart: true}},
		{"session stays", packet.Connect{ClientID: "a", SessionExpiry: 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, j := keeping(t, Limits{})
				b := f.stay("b", false)
				b.subscribe("w", 1)
				b.nc.Close()
				c.client.Will = &packet.Will{Topic: "w", Payload: []byte("gone"), QoS: 1}
				a, _ := f.connect5(c.client)
				synctest.Wait()
				before := len(j.records())
				a.nc.Close()
				synctest.Wait()
				f.wantWillAfterEachKill(j, before)
			})
		})
	}
}

// wantWillAfterEachKill cuts the log after each batch from record from on, and
// starts another broker with what is left.
func (f *fixture) wantWillAfterEachKill(j *memJournal, from int) {
	f.Helper()
	records := j.records()
	if len(records) == from {
		f.Fatal("nothing is recorded")
	}
	for cut := from; cut <= len(records); cut++ {
		if cut > 0 && cut < len(records) && j.batches[cut-1] == j.batches[cut] {
			continue
		}
		g, _ := f.restart(journalOf(records[:cut]), joined())
		synctest.Wait()
		b := g.stay("b", true)
		if got := b.drain(1, true); got != "gone#1" && got != "gone#1dup" {
			f.Errorf("cut at %d of %d: %s", cut, len(records), got)
		}
		b.alive() // and nothing more
	}
}

// TestWillHold: a will that finds no room does not hold the log back for
// longer than its bound.
func TestWillHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		a, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 1000, Will: &packet.Will{Topic: "w", Payload: []byte("gone")}})
		release := f.cluster.blockUntil()
		defer release()
		a.nc.Close()
		synctest.Wait()
		if n := j.held(); n != 1 {
			t.Errorf("%d holds while the will is on its way", n)
		}
		time.Sleep(willHold)
		synctest.Wait()
		if n := j.held(); n != 0 {
			t.Errorf("%d holds after the bound", n)
		}
	})
}

// TestWillHoldEnds: nothing is held any more once a will was refused or
// forgotten.
func TestWillHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		f.cluster.set(func() { f.cluster.err = errors.New("no room") })
		a, _ := f.connect5(packet.Connect{ClientID: "a", CleanStart: true, Will: &packet.Will{Topic: "w", Payload: []byte("gone")}})
		a.nc.Close()
		synctest.Wait()
		if n := j.held(); n != 0 {
			t.Errorf("%d holds", n)
		}
	})
}

func (j *memJournal) held() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.holds
}
