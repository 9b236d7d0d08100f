package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// story is the demonstration, chapter by chapter.
type story struct {
	cluster *cluster
	out     *transcript
	mail    *mail
	clients []*client
	sender  *client
	sent    int // publications so far; numbers their payloads
}

// cast is who subscribes where with what: the example of the manual.
var cast = []struct {
	name    string
	node    int
	filters []string
}{
	{"client1", 0, []string{"t/+/x", "t/+/y"}},
	{"client2", 1, []string{"t/#"}},
	{"client3", 2, []string{"t/+/x", "t/a"}},
}

// The rounds of publishing. The last message of each reaches every client that
// is there: order per publisher holds across topics and nodes, so when it has
// come, nothing earlier can still be on its way.
var (
	whole = []publication{
		{"t/a", 0, []string{"client2", "client3"}},
		{"t/a", 1, []string{"client2", "client3"}},
		{"t/1/y", 0, []string{"client1", "client2"}},
		{"u/a", 1, nil},
		{"t/1/x", 1, []string{"client1", "client2", "client3"}},
	}
	without3 = []publication{
		{"t/a", 0, []string{"client2"}},
		{"t/a", 1, []string{"client2"}},
		{"t/1/x", 1, []string{"client1", "client2"}},
	}
)

// tell runs the chapters until one fails.
func (s *story) tell(ctx context.Context) error {
	fmt.Fprintln(s.out.out, s.out.paint(bold, "muster: three nodes, one MQTT broker"))
	for _, chapter := range []func(context.Context) error{s.form, s.subscribe, s.routes, s.publishAll, s.lose, s.regain} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	s.out.chapter("Every message reached exactly the clients that it should")
	return nil
}

func (s *story) form(ctx context.Context) error {
	s.out.chapter("Three nodes start and find each other")
	for _, n := range s.cluster.nodes {
		if err := s.cluster.start(n); err != nil {
			return err
		}
		s.out.command(fmt.Sprintf("%s start -c %s", s.cluster.binary, n.config()), "MQTT on "+n.addr())
	}
	if err := s.cluster.await(ctx, s.cluster.nodes, nil); err != nil {
		return err
	}
	return s.show(ctx, "cluster status", "members")
}

// show runs commands against the first node.
func (s *story) show(ctx context.Context, commands ...string) error {
	n := s.cluster.nodes[0]
	for _, words := range commands {
		printed, err := s.cluster.command(ctx, n, strings.Fields(words)...)
		if err != nil {
			return err
		}
		s.out.command(fmt.Sprintf("%s %s --data-dir %s", s.cluster.binary, words, n.data), printed)
	}
	return nil
}

func (s *story) subscribe(ctx context.Context) error {
	s.out.chapter("A client subscribes at each node")
	for i := range cast {
		if err := s.enter(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// enter connects and subscribes a client of the cast.
func (s *story) enter(ctx context.Context, i int) error {
	c, err := connect(ctx, cast[i].name, s.cluster.nodes[cast[i].node], s.mail)
	if err != nil {
		return err
	}
	s.clients = append(s.clients, c)
	s.out.say("%s at %s   %s", c.name, c.at.short(), strings.Join(cast[i].filters, "   "))
	return c.subscribe(ctx, cast[i].filters)
}

func (s *story) routes(ctx context.Context) error {
	s.out.chapter("Every node knows which node wants what")
	return s.show(ctx, "routes", "routes t/a")
}

func (s *story) publishAll(ctx context.Context) error {
	s.out.chapter("A client of n1 publishes")
	c, err := connect(ctx, "publisher", s.cluster.nodes[0], s.mail)
	if err != nil {
		return err
	}
	s.sender = c
	return s.publish(ctx, whole)
}

// publish sends a round, waits until its last message is everywhere, and
// judges what became of each.
func (s *story) publish(ctx context.Context, round []publication) error {
	var payloads []string
	for _, p := range round {
		s.sent++
		payloads = append(payloads, fmt.Sprintf("message %d", s.sent))
		if err := s.sender.publish(ctx, p, payloads[len(payloads)-1]); err != nil {
			return err
		}
	}
	last := len(round) - 1
	arrival, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	late := s.mail.await(arrival, payloads[last], round[last].to)
	errs := []error{late}
	for i, p := range round {
		counts, _ := s.mail.received(payloads[i])
		err := p.check(counts)
		s.out.verdict(p, reached(counts), err)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s at QoS %d: %w", p.topic, p.qos, err))
		}
	}
	return errors.Join(errs...)
}

func (s *story) lose(ctx context.Context) error {
	nodes := s.cluster.nodes
	s.out.chapter("n3 is killed: SIGKILL, no goodbye. The others go on")
	if err := nodes[2].kill(); err != nil {
		return err
	}
	if err := s.publish(ctx, []publication{{"t/2/y", 0, []string{"client1", "client2"}}}); err != nil {
		return err
	}
	if err := s.cluster.await(ctx, nodes[:2], nodes[2:]); err != nil {
		return err
	}
	if err := s.show(ctx, "cluster status"); err != nil {
		return err
	}
	return s.publish(ctx, without3)
}

func (s *story) regain(ctx context.Context) error {
	nodes := s.cluster.nodes
	s.out.chapter("n3 is started again, and its client returns")
	if err := s.cluster.start(nodes[2]); err != nil {
		return err
	}
	if err := s.cluster.await(ctx, nodes, nil); err != nil {
		return err
	}
	if err := s.show(ctx, "cluster status"); err != nil {
		return err
	}
	if err := s.enter(ctx, 2); err != nil {
		return err
	}
	return s.publish(ctx, whole)
}

// hangUp disconnects all clients.
func (s *story) hangUp() {
	for _, c := range s.clients {
		c.disconnect()
	}
	if s.sender != nil {
		s.sender.disconnect()
	}
}
