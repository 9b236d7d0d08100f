package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// strays is how long a subscriber looks for messages too many after the last
// one that it expected, and how often it looks at whether to stop.
const strays = 100 * time.Millisecond

// maxAcks bounds the acknowledgements that wait to be written, in bytes.
const maxAcks = 16 << 10

// Received is what the subscribers of a process saw.
type Received struct {
	Tally
	First   int64      `json:"first"` // nanoseconds since 1970, 0 without any
	Last    int64      `json:"last"`
	Latency *Histogram `json:"latency"` // from when a message was due to its arrival
}

// subscriber is one subscribing connection.
type subscriber struct {
	*client
	o           Options
	draining    *atomic.Bool // the publishers are done
	ledger      *ledger
	credits     []*credit // of a loop: by publisher
	latency     Histogram
	first, last time.Time
	acks        []byte
	owed        int // PUBRELs that are to come
}

// runSubscribers subscribes with all clients, tells that it is ready, and
// counts until everything has come, or the publishers are done and nothing
// more comes.
func runSubscribers(ctx context.Context, o Options, s signals) (Received, error) {
	var draining atomic.Bool
	clients, err := connectSubscribers(ctx, o, &draining)
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	if err != nil {
		return Received{}, because(ctx, err)
	}
	s.ready()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.start:
			draining.Store(true)
		case <-watching.Done():
		}
	}()
	err = together(ctx, len(clients), func(ctx context.Context, i int) error { return clients[i].run(ctx) })
	cancel()
	<-watched
	return sumUp(clients), because(ctx, err)
}

func connectSubscribers(ctx context.Context, o Options, draining *atomic.Bool) ([]*subscriber, error) {
	var clients []*subscriber
	addrs := []string{o.Addr}
	if o.Away != "" {
		addrs = strings.Split(o.Away, ",")
	}
	for i := range o.Clients {
		addr := addrs[i%len(addrs)]
		c, err := connect(ctx, addr, fmt.Sprintf("%s-s%d", o.ID, i), o.Size)
		if err != nil {
			return clients, fmt.Errorf("subscriber %d at %s: %w", i, addr, err)
		}
		s := &subscriber{client: c, o: o, draining: draining, ledger: newLedger(o.Run, o.Publishers, o.Messages)}
		filter := o.Topic + "/#"
		if o.Own {
			own := i % o.Publishers
			s.ledger = newLedger(o.Run, 1, o.Messages)
			s.ledger.first, filter = uint32(own), fmt.Sprintf("%s/%d", o.Topic, own)
		}
		clients = append(clients, s)
		if err := c.subscribe(filter, o.QoS); err != nil {
			return clients, fmt.Errorf("subscriber %d at %s: %w", i, addr, err)
		}
	}
	return clients, nil
}

func sumUp(clients []*subscriber) Received {
	sum := Received{Latency: &Histogram{}}
	for _, c := range clients {
		sum.Add(c.ledger.close())
		sum.Latency.Merge(&c.latency)
		if c.first.IsZero() {
			continue
		}
		if first := c.first.UnixNano(); sum.First == 0 || first < sum.First {
			sum.First = first
		}
		sum.Last = max(sum.Last, c.last.UnixNano())
	}
	return sum
}

// run reads until nothing more is to be expected.
func (c *subscriber) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.hangUp)()
	quiet := time.Now()
	for {
		if !c.in.Ready() {
			if err := c.pause(); err != nil {
				return because(ctx, err)
			}
		}
		p, err := c.in.Next()
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.over(now.Sub(quiet)) {
				return nil
			}
			continue
		case err != nil:
			return because(ctx, fmt.Errorf("subscriber: %w", err))
		}
		quiet = now
		if err := c.take(p, now); err != nil {
			return err
		}
	}
}

// pause writes the acknowledgements that are due before reading may block.
func (c *subscriber) pause() error {
	if err := c.flush(); err != nil {
		return err
	}
	return c.SetReadDeadline(time.Now().Add(strays))
}

func (c *subscriber) flush() error {
	if len(c.acks) == 0 {
		return nil
	}
	_, err := c.Write(c.acks)
	c.acks = c.acks[:0]
	return err
}

// over decides, after a silence, whether to stop.
func (c *subscriber) over(silence time.Duration) bool {
	if c.ledger.complete() {
		return silence >= strays && c.owed == 0 || silence >= c.o.Grace
	}
	if c.o.Now && c.first.IsZero() {
		return false // nobody says when the publishers begin
	}
	return c.draining.Load() && silence >= c.o.Grace
}

func (c *subscriber) take(p wire.Packet, now time.Time) error {
	switch p.Type {
	case wire.PublishType:
		return c.message(p, now)
	case wire.Pubrel:
		id, err := wire.ParseAck(p)
		if err != nil {
			return err
		}
		c.owed--
		return c.acknowledge(wire.Pubcomp, id)
	}
	return fmt.Errorf("subscriber: %w: a packet of type %d", wire.ErrMalformed, p.Type)
}

func (c *subscriber) message(p wire.Packet, now time.Time) error {
	pub, err := wire.ParsePublish(p)
	if err != nil {
		return err
	}
	m, ok := readMark(pub.Payload)
	if !ok {
		c.ledger.tally.Foreign++
	} else if c.ledger.note(m) {
		c.latency.Add(time.Duration(now.UnixNano() - m.sent))
		c.arrived(now)
		if c.credits != nil {
			c.credits[m.publisher].back()
		}
	}
	switch pub.QoS {
	case 0:
		return nil
	case 1:
		return c.acknowledge(wire.Puback, pub.ID)
	}
	c.owed++
	return c.acknowledge(wire.Pubrec, pub.ID)
}

func (c *subscriber) acknowledge(packetType byte, id uint16) error {
	c.acks = wire.AppendAck(c.acks, packetType, id)
	if len(c.acks) < maxAcks {
		return nil
	}
	return c.flush()
}

func (c *subscriber) arrived(now time.Time) {
	if c.first.IsZero() {
		c.first = now
	}
	c.last = now
}
