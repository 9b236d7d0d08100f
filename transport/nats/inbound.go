package nats

import (
	"fmt"
	"strconv"
	"strings"

	client "github.com/nats-io/nats.go"
)

// noResponders is the status of the server's word that nobody hears a subject.
const noResponders = "503"

// receive takes every message of our subjects, one at a time of each. It never
// blocks: what it answers goes through the outbox.
func (t *Transport) receive(m *client.Msg) {
	if len(m.Data) == 0 && m.Header.Get("Status") == noResponders {
		t.unheard(m.Subject)
		return
	}
	p, err := decodePacket(m.Data)
	if err == nil && p.kind != kindHello && m.Subject == t.base+helloToken {
		err = fmt.Errorf("%w: kind %d to everybody", errPacket, p.kind) // links are the other subject's alone
	}
	if err != nil {
		t.add(func(c *counts) { c.malformed++ })
		t.warn("malformed", "a message on a subject of this cluster is no packet of muster", err)
		return
	}
	switch p.kind {
	case kindHello:
		t.hear(p)
	case kindDial:
		t.dialled(p)
	default:
		t.onLink(p)
	}
}

// unheard tells a dial that nobody hears the node.
func (t *Transport) unheard(subject string) {
	id, err := strconv.ParseUint(subject[strings.LastIndexByte(subject, '.')+1:], 16, 64)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, l := range t.links { // few: it happens to dials only
		if k.id == id && k.dialled {
			l.reply(0)
		}
	}
}

// reply gives a dial its answer.
func (l *link) reply(k kind) {
	select {
	case l.answer <- k:
	default:
	}
}

// onLink takes a packet of an open link.
func (t *Transport) onLink(p packet) {
	l := t.find(linkKey{peer: p.from, id: p.link, dialled: !p.dialler})
	if l == nil {
		t.stray(p)
		return
	}
	switch p.kind {
	case kindAccept:
		l.accepted()
	case kindRefuse:
		l.reply(kindRefuse)
	case kindData:
		l.arrive(p)
	case kindCredit:
		l.allow(p.number)
	case kindAsk:
		l.asked(p.number)
	case kindClose:
		l.finish(errPeer)
	case kindReset:
		l.finish(errLost)
	}
}

// stray answers a packet of a link that is not: its sender has missed that it
// ended, or this process is a new one.
func (t *Transport) stray(p packet) {
	if p.kind == kindClose || p.kind == kindReset || p.kind == kindRefuse || t.isAside() {
		return // aside: it is for the process in our place
	}
	t.add(func(c *counts) { c.stray++ })
	t.note(p.from, packet{kind: kindReset, dialler: !p.dialler, from: t.uid, link: p.link}, "")
}

// dialled takes a dial from outside: a new link, or a dial that is repeated
// because our answer was late or lost.
func (t *Transport) dialled(p packet) {
	if !p.dialler || t.isAside() {
		return
	}
	k := linkKey{peer: p.from, id: p.link}
	answer := kindAccept
	if t.find(k) == nil && !t.enqueue(newLink(t, k)) {
		answer = kindRefuse
	}
	t.note(p.from, packet{kind: answer, from: t.uid, link: p.link}, "")
}

// enqueue makes a link wait for Accept; false when too many do.
func (t *Transport) enqueue(l *link) bool {
	if t.adopt(l) != "" {
		return false
	}
	t.mu.Lock()
	full, crowded := len(t.pending) == cap(t.pending), t.waiting[l.key.peer] >= t.opts.MaxPerSource
	if full {
		t.count.refusedFull++
	} else if crowded {
		t.count.refusedSource++
	} else {
		t.waiting[l.key.peer]++
		t.pending <- l // never blocks: only filled here, by one goroutine
	}
	t.mu.Unlock()
	if full || crowded {
		l.fail(errHere)
	}
	return !full && !crowded
}

// bad counts a packet that a link could not take.
func (t *Transport) bad(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch err {
	case errLost:
		t.count.lost++
	case errOverrun:
		t.count.overrun++
	default:
		t.count.doubled++
	}
}
