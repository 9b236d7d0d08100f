package nats

import (
	"errors"
	"maps"
	"slices"
	"time"
)

const (
	// announceEvery is how often a node says that it is there, forgetAfter how
	// long it is remembered, maxHeard how many nodes are.
	announceEvery = 5 * time.Second
	forgetAfter   = 4 * announceEvery
	maxHeard      = 4096
	// firstPause is the pause after the first greeting; it doubles.
	firstPause = 50 * time.Millisecond
)

// announce is the goroutine that says, now and again, that this node is there.
// To a new server it says so several times, and asks who else is there: the
// servers of a cluster take a moment to learn what we hear.
func (t *Transport) announce() {
	again := time.NewTimer(announceEvery)
	defer again.Stop()
	pause := announceEvery
	for {
		select {
		case <-t.life.Done():
			return
		case <-t.greet:
			pause = firstPause
			t.say(1)
		case <-again.C:
			t.say(asking(pause))
			pause = min(2*pause, announceEvery)
		}
		again.Reset(pause)
	}
}

// asking is 1 as long as the pauses are short.
func asking(pause time.Duration) uint64 {
	if pause < announceEvery {
		return 1
	}
	return 0
}

func (t *Transport) say(answer uint64) {
	p := packet{kind: kindHello, from: t.uid, link: t.run, number: answer}
	t.queue(note{subject: t.base + helloToken, packet: p.control()})
}

// hear takes in that a node is there, and answers one that asks.
func (t *Transport) hear(p packet) {
	if p.from == t.uid {
		if p.link != t.run {
			t.twin(p)
		}
		return
	}
	now := time.Now()
	t.mu.Lock()
	last, known := t.heard[p.from]
	if !known && len(t.heard) >= maxHeard {
		t.prune(now)
	}
	if known || len(t.heard) < maxHeard {
		t.heard[p.from] = now
	} else {
		t.count.unheard++
	}
	t.mu.Unlock()
	if !known || now.Sub(last) > forgetAfter {
		wake(t.changed)
	}
	if p.number == 1 {
		t.note(p.from, packet{kind: kindHello, from: t.uid, link: t.run}, "")
	}
}

// prune forgets who was not heard lately. The caller holds mu.
func (t *Transport) prune(now time.Time) {
	maps.DeleteFunc(t.heard, func(_ uid, at time.Time) bool { return now.Sub(at) > forgetAfter })
}

// Heard returns the addresses of the other nodes of the cluster that were
// heard within the last 20 s, sorted. Nobody has verified them: they are
// candidates. It fails while no server is connected, and while another process
// talks in this one's place.
func (t *Transport) Heard() ([]string, error) {
	switch {
	case !t.up.Load():
		return nil, errOffline
	case t.isAside():
		return nil, errLater
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prune(time.Now())
	all := make([]string, 0, len(t.heard))
	for u := range t.heard {
		all = append(all, u.String())
	}
	slices.Sort(all)
	return all, nil
}

var errOffline = errors.New("not connected to a NATS server")

// Changed has a value when a node was heard that was not known. One goroutine
// may wait on it.
func (t *Transport) Changed() <-chan struct{} { return t.changed }
