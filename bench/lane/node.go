package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/tcp"
)

// The topics of a run.
const (
	sent     = "lane/sent"
	question = "lane/question"
	answer   = "lane/answer"
)

// inbox is a session of the node that runs here.
type inbox struct {
	number uint64
	got    func(m *core.Message)
}

var _ core.Subscriber = (*inbox)(nil)

func (i *inbox) Deliver(m *core.Message, _ core.Grant) { i.got(m) }

func (i *inbox) Offer(m *core.Message, _ core.Grant) bool {
	i.got(m)
	return true
}

func (i *inbox) Number() uint64   { return i.number }
func (i *inbox) ClientID() string { return "lane" }

// store keeps nothing: the node ends with the run.
type store struct{}

var _ node.Store = store{}

func (store) Save(node.Saved) error { return nil }

// runner is a node in this process.
type runner struct {
	*node.Node
	at    string
	stop  context.CancelFunc
	ended chan error
}

// carrier opens the transport of a node.
type carrier func(uid core.UID, log *slog.Logger) (transport.Transport, error)

func overTCP(_ core.UID, log *slog.Logger) (transport.Transport, error) {
	return tcp.Listen(tcp.Options{Bind: "127.0.0.1", Logger: log})
}

// newRunner makes a node of the one cluster that a run has.
func newRunner(name core.NodeID, form node.Form, over carrier) (*runner, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // it never fails
	uid, err := core.NewUID(rand.Reader)
	if err != nil {
		return nil, err
	}
	tr, err := over(uid, log)
	if err != nil {
		return nil, err
	}
	n, err := node.New(node.Options{
		Saved: node.Saved{UID: uid, Name: name, Incarnation: 1}, Store: store{}, ClusterName: "lane", Key: wire.Key{1},
		Transport: tr, Form: form, Logger: log,
		Rand: mathrand.New(mathrand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:]))),
	})
	if err != nil {
		return nil, errors.Join(err, tr.Close())
	}
	r := &runner{Node: n, at: tr.Addr(), ended: make(chan error, 1)}
	n.SetSessions(nobody{})
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- n.Run(ctx) }()
	return r, nil
}

func (r *runner) close() error {
	r.stop()
	return <-r.ended
}

// nobody is a front without clients.
type nobody struct{}

var _ node.Sessions = nobody{}

func (nobody) TakenOver(string, core.Token, bool)      {}
func (nobody) Connected(func(string, core.Token) bool) {}

// nodeSender publishes at a node of its own.
type nodeSender struct {
	*runner
	answers chan struct{}
}

var _ sender = (*nodeSender)(nil)

func nearTCP(ctx context.Context, addr string) (sender, error) { return nearNode(ctx, addr, overTCP) }

func nearNode(ctx context.Context, addr string, over carrier) (sender, error) {
	r, err := newRunner("near@127.0.0.1", node.Form{Join: []string{addr}}, over)
	if err != nil {
		return nil, err
	}
	s := &nodeSender{runner: r, answers: make(chan struct{}, 1)}
	visible := make(chan struct{})
	in := &inbox{1, func(*core.Message) { s.answers <- struct{}{} }}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	select {
	case <-r.Formed():
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), r.close())
	}
	for len(r.RoutesOf(sent)) == 0 || len(r.RoutesOf(question)) == 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), r.close())
		}
	}
	r.Subscribe(in, core.Subscription{Filter: answer}, func() { close(visible) })
	<-visible
	return s, nil
}

func (s *nodeSender) send(ctx context.Context, messages, size int) error {
	m := &core.Message{Topic: sent, Payload: make([]byte, size), QoS: 1, Publisher: "lane"}
	var acked = newTally()
	on := core.Outcome{Accepted: func(bool) { acked.one() }}
	for range messages {
		if err := s.Publish(ctx, m, on); err != nil {
			return err
		}
	}
	return acked.wait(ctx, messages)
}

func (s *nodeSender) ask(ctx context.Context, size int) error {
	if err := s.Publish(ctx, &core.Message{Topic: question, Payload: make([]byte, size)}, core.Outcome{}); err != nil {
		return err
	}
	select {
	case <-s.answers:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nodeReceiver subscribes at a node of its own, which founds the cluster.
type nodeReceiver struct {
	*runner
	tally     tally
	questions chan *core.Message
	done      chan struct{}
}

var _ receiver = (*nodeReceiver)(nil)

func farTCP(context.Context) (receiver, error) { return farNode(overTCP) }

func farNode(over carrier) (*nodeReceiver, error) {
	n, err := newRunner("far@127.0.0.1", node.Form{Manual: true}, over)
	if err != nil {
		return nil, err
	}
	r := &nodeReceiver{runner: n, tally: newTally(), questions: make(chan *core.Message, 1), done: make(chan struct{})}
	r.Subscribe(&inbox{1, func(*core.Message) { r.tally.one() }}, core.Subscription{Filter: sent, Grant: core.Grant{QoS: 1}}, func() {})
	r.Subscribe(&inbox{2, func(m *core.Message) { r.questions <- m }}, core.Subscription{Filter: question}, func() {})
	go func() {
		defer close(r.done)
		for m := range r.questions {
			_ = r.Publish(context.Background(), &core.Message{Topic: answer, Payload: m.Payload}, core.Outcome{}) // the asker sees that nothing comes
		}
	}()
	return r, nil
}

func (r *nodeReceiver) addr() string { return r.at }

func (r *nodeReceiver) counted(ctx context.Context, messages int) error {
	return r.tally.wait(ctx, messages)
}

func (r *nodeReceiver) close() error {
	err := r.runner.close()
	close(r.questions)
	<-r.done
	return err
}
