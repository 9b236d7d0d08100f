package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// publication is one message and the clients that it must reach.
type publication struct {
	topic string
	qos   byte
	to    []string // names of clients
}

// mail counts which client received which message how often.
type mail struct {
	mu      sync.Mutex
	counts  map[string]map[string]int // by message, by client
	changed chan struct{}             // closed and replaced at each arrival
}

func newMail() *mail {
	return &mail{counts: make(map[string]map[string]int), changed: make(chan struct{})}
}

// deliver notes an arrival. The message is named by its payload.
func (m *mail) deliver(client, message string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts[message] == nil {
		m.counts[message] = make(map[string]int)
	}
	m.counts[message][client]++
	close(m.changed)
	m.changed = make(chan struct{})
}

// received returns how often each client received a message.
func (m *mail) received(message string) (counts map[string]int, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts = make(map[string]int)
	for client, n := range m.counts[message] {
		counts[client] = n
	}
	return counts, m.changed
}

// await waits until all these clients have the message, or ctx ends.
func (m *mail) await(ctx context.Context, message string, clients []string) error {
	for {
		counts, changed := m.received(message)
		missing := slices.DeleteFunc(slices.Clone(clients), func(c string) bool { return counts[c] > 0 })
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%q has not reached %s: %w", message, strings.Join(missing, ", "), ctx.Err())
		}
	}
}

// check says what is wrong with the way a message went: MQTT delivers at QoS 0
// at most once and at QoS 1 at least once, and on loopback nothing may be lost.
func (p publication) check(counts map[string]int) error {
	for _, c := range p.to {
		if counts[c] == 0 {
			return fmt.Errorf("%s did not get it", c)
		}
		if p.qos == 0 && counts[c] > 1 {
			return fmt.Errorf("%s got it %d times", c, counts[c])
		}
	}
	for _, c := range sorted(counts) {
		if !slices.Contains(p.to, c) {
			return fmt.Errorf("%s was not to get it", c)
		}
	}
	return nil
}

// reached lists the clients that got a message, with the number if not one.
func reached(counts map[string]int) string {
	if len(counts) == 0 {
		return "nobody"
	}
	var list []string
	for _, c := range sorted(counts) {
		if counts[c] > 1 {
			c = fmt.Sprintf("%s (%d times)", c, counts[c])
		}
		list = append(list, c)
	}
	return strings.Join(list, ", ")
}

func sorted(counts map[string]int) []string {
	var list []string
	for c := range counts {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}
