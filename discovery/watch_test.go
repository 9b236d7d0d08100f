package discovery

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// recorded is a pacer whose messages are noted with their time.
func recorded() (*pacer, *[]string) {
	start := time.Now()
	var sent []string
	p := &pacer{events: make(chan Event), done: make(chan error, 1), over: make(chan struct{})}
	p.send = func(w *v1.WatchResponse) error {
		what := "heartbeat"
		switch ev := eventFromWire(w); {
		case ev.Snapshot != nil:
			what = "snapshot " + ev.Snapshot.SourceRevision
		case ev.Resync != "":
			what = "resync"
		case ev.Registration != nil:
			what = fmt.Sprint("registration ", ev.Registration.State)
		}
		sent = append(sent, fmt.Sprintf("%v %s", time.Since(start), what))
		return nil
	}
	return p, &sent
}

func snapshot(revision string) Event {
	return Event{Snapshot: &Answer{SourceRevision: revision}}
}

func TestWatchIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sent := recorded()
		ended := make(chan error)
		go func() { _, err := p.run(); ended <- err }()
		for i := range 5 { // 40 ms apart: the first goes at once, the last after the gap
			p.events <- snapshot(fmt.Sprint(i))
			time.Sleep(40 * time.Millisecond)
		}
		time.Sleep(25 * time.Second)
		p.events <- snapshot("x")
		p.events <- snapshot("y")
		p.events <- Event{Resync: "gap"}
		p.events <- Event{Registration: &Registration{State: RegistrationLost}}
		p.events <- snapshot("z")
		p.done <- errors.New("lost")
		if err := <-ended; err == nil || err.Error() != "lost" {
			t.Errorf("ended with %v", err)
		}
		want := []string{
			"0s snapshot 0", "200ms snapshot 4", "10.4s heartbeat", "20.4s heartbeat",
			"25.2s snapshot x", "25.2s snapshot y", "25.2s resync", "25.2s registration 2", "25.2s snapshot z",
		}
		if diff := cmp.Diff(want, *sent); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestWatchEndsAtReload(t *testing.T) {
	p, _ := recorded()
	close(p.over)
	finished, err := p.run()
	if finished || ClassOf(err) != BackendUnavailable {
		t.Errorf("finished %v, %v", finished, err)
	}
}

func TestWatchEndsWhenNobodyReads(t *testing.T) {
	p, _ := recorded()
	gone := errors.New("gone")
	p.send = func(*v1.WatchResponse) error { return gone }
	go func() { p.events <- snapshot("0") }()
	if finished, err := p.run(); finished || !errors.Is(err, gone) {
		t.Errorf("finished %v, %v", finished, err)
	}
}
