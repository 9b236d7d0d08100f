package durable

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// window is how many messages the publisher has on their way.
const window = 20

// sent is a message of the publisher that is not finished.
type sent struct {
	number   uint64
	id       uint16
	qos      byte
	received bool // PUBREC came
}

// publisher publishes numbered messages of QoS 1 and 2 in turn. What was not
// acknowledged it sends again on its next connection, in order.
type publisher struct {
	addr     string
	payload  func(number uint64) int // its length, in bytes
	sessions int

	mu       sync.Mutex
	last     uint64
	stopping bool
	open     []sent // in order
	acked    map[uint64]bool
}

// topicOf is where a message goes; every eighth is retained.
func topicOf(number uint64) (topic string, qos, retain byte) {
	qos = byte(1 + number%2)
	if number%8 == 0 {
		return "load/retained", qos, 1
	}
	return "load/plain", qos, 0
}

func (p *publisher) encode(s sent, again bool) []byte {
	if s.received {
		return ack(tPubrel, s.id)
	}
	topic, qos, retain := topicOf(s.number)
	flags := qos<<1 | retain
	if again {
		flags |= 8
	}
	payload := make([]byte, max(8, p.payload(s.number)))
	binary.BigEndian.PutUint64(payload, s.number)
	return publish(topic, s.id, flags, payload)
}

// run publishes until the connection breaks or, once told to stop, everything
// is finished: then it returns nil.
func (p *publisher) run(ready func()) error {
	w, present, err := dial(p.addr, "publisher", nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if p.sessions++; p.sessions > 1 && !present {
		return fmt.Errorf("%w: that of the publisher", errLostSession)
	}
	ready()
	p.mu.Lock()
	var out []byte
	for _, s := range p.open {
		out = append(out, p.encode(s, true)...)
	}
	p.mu.Unlock()
	for {
		out = append(out, p.fill()...)
		if len(out) == 0 && p.finished() {
			return nil
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		first, body, err := w.next()
		if err != nil {
			return err
		}
		if out, err = p.acknowledged(first, binary.BigEndian.Uint16(body)); err != nil {
			return err
		}
	}
}

func (p *publisher) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping && len(p.open) == 0
}

// fill makes new messages as the window allows.
func (p *publisher) fill() (out []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.stopping && len(p.open) < window {
		p.last++
		s := sent{number: p.last, id: p.freeID(), qos: byte(1 + p.last%2)}
		p.open = append(p.open, s)
		out = append(out, p.encode(s, false)...)
	}
	return out
}

func (p *publisher) freeID() uint16 {
	for id := uint16(p.last%60000) + 1; ; id++ {
		if id > 0 && !slices.ContainsFunc(p.open, func(s sent) bool { return s.id == id }) {
			return id
		}
	}
}

// acknowledged takes in an answer and returns what it is answered with.
func (p *publisher) acknowledged(first byte, id uint16) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.open, func(s sent) bool { return s.id == id })
	if i < 0 {
		return nil, fmt.Errorf("%w: answer %#x for identifier %d, which is not in use", errProtocol, first, id)
	}
	s := &p.open[i]
	switch {
	case first == tPubrec && s.qos == 2:
		s.received = true
		p.acked[s.number] = true
		return ack(tPubrel, id), nil
	case first == tPuback && s.qos == 1, first == tPubcomp && s.received:
		p.acked[s.number] = true
		p.open = slices.Delete(p.open, i, i+1)
		return nil, nil
	}
	return nil, fmt.Errorf("%w: answer %#x for identifier %d of QoS %d", errProtocol, first, id, s.qos)
}

// stop has it finish what it has begun.
func (p *publisher) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
}

// lastAcked is the highest number with a property that was acknowledged.
func (p *publisher) lastAcked(of func(uint64) bool) (last uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range p.acked {
		if n > last && of(n) {
			last = n
		}
	}
	return last
}

// subscriber has a session that is kept, and its own store of the QoS 2
// identifiers that it has received and not released.
type subscriber struct {
	addr  string
	holds map[uint16]bool

	mu     sync.Mutex
	got    map[uint64]int // by number
	order  []uint64       // in which each first came
	wills  map[string]int
	change chan struct{} // closed when something has come
}

func newSubscriber(addr string) *subscriber {
	return &subscriber{addr: addr, holds: map[uint16]bool{}, got: map[uint64]int{}, wills: map[string]int{}, change: make(chan struct{})}
}

// subscribe makes the session.
func (s *subscriber) subscribe() error {
	w, _, err := dial(s.addr, "subscriber", nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(subscribe(1, "load/#", "will/#")); err != nil {
		return err
	}
	first, _, err := w.next()
	if err == nil && first != tSuback {
		err = fmt.Errorf("%w: %#x instead of a SUBACK", errProtocol, first)
	}
	return err
}

// run receives until the connection breaks.
func (s *subscriber) run(ready func()) error {
	w, present, err := dial(s.addr, "subscriber", nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if !present {
		return fmt.Errorf("%w: that of the subscriber", errLostSession)
	}
	ready()
	for {
		first, body, err := w.next()
		if err != nil {
			return err
		}
		if _, err := w.Write(s.take(first, body)); err != nil {
			return err
		}
	}
}

// take takes in a packet and returns the answer.
func (s *subscriber) take(first byte, body []byte) []byte {
	switch first & 0xf0 {
	case tPublish:
		m := parse(first, body)
		if m.qos == 2 {
			if !s.holds[m.id] {
				s.holds[m.id] = true
				s.count(m)
			}
			return ack(tPubrec, m.id)
		}
		s.count(m)
		return ack(tPuback, m.id)
	case tPubrel & 0xf0:
		id := binary.BigEndian.Uint16(body)
		delete(s.holds, id)
		return ack(tPubcomp, id)
	}
	return nil
}

func (s *subscriber) count(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.change)
	s.change = make(chan struct{})
	if m.topic[:4] == "will" {
		s.wills[string(m.payload)]++
		return
	}
	n := binary.BigEndian.Uint64(m.payload)
	if s.got[n]++; s.got[n] == 1 {
		s.order = append(s.order, n)
	}
}

// until waits for a state of the subscriber.
func (s *subscriber) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := after(patience)
	for {
		s.mu.Lock()
		done, change := ok(), s.change
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-change:
		case <-limit:
			t.Fatalf("not within %s: %s; %d messages came", patience, what, len(s.order))
		}
	}
}
