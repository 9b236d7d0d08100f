package load

import (
	"bufio"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/wire"
)

// Sent is what the publishers of a process did.
type Sent struct {
	Sent         uint64 `json:"sent"`
	Acknowledged uint64 `json:"acknowledged"` // at QoS 1 and 2, there by PUBCOMP
	// AckDisorder counts PUBACKs and PUBRECs that came out of the order of their
	// PUBLISHes, which [MQTT-4.6.0-2] and [MQTT-4.6.0-3] forbid.
	AckDisorder uint64 `json:"ack_disorder"`
	Started     int64  `json:"started"` // nanoseconds since 1970
	Ended       int64  `json:"ended"`   // all written and, as far as can be told, taken
}

// publisher is one publishing connection.
type publisher struct {
	*client
	o      Options
	number uint32
	out    *bufio.Writer
	window chan struct{} // a slot for each unacknowledged message of QoS 1 and 2
	credit *credit       // of a loop that has one
	rels   []byte        // PUBRELs to be written, which the reader does
	noted  uint64        // messages acknowledged for the first time
	acked  atomic.Uint64
	wrong  atomic.Uint64
	sent   uint64
}

// runPublishers connects all clients, tells that it is ready, waits for start,
// and publishes. It returns when everything was taken by the broker.
func runPublishers(ctx context.Context, o Options, s signals) (Sent, error) {
	clients, err := connectPublishers(ctx, o)
	defer func() {
		for _, p := range clients {
			p.close()
		}
	}()
	if err != nil {
		return Sent{}, because(ctx, err)
	}
	s.ready()
	select {
	case <-s.start:
	case <-ctx.Done():
		return Sent{}, context.Cause(ctx)
	}
	return publish(ctx, clients)
}

// publish lets all publishers go.
func publish(ctx context.Context, clients []*publisher) (Sent, error) {
	started := time.Now()
	err := together(ctx, len(clients), func(ctx context.Context, i int) error {
		return clients[i].run(ctx, started)
	})
	sum := Sent{Started: started.UnixNano(), Ended: time.Now().UnixNano()}
	for _, p := range clients {
		sum.Sent += p.sent
		sum.Acknowledged += p.acked.Load()
		sum.AckDisorder += p.wrong.Load()
	}
	return sum, because(ctx, err)
}

// publishers is how many of them this process runs.
func (o Options) publishers() int {
	if o.Role == Loop {
		return o.Publishers
	}
	return o.Clients
}

func connectPublishers(ctx context.Context, o Options) ([]*publisher, error) {
	var clients []*publisher
	for i := range o.publishers() {
		c, err := connect(ctx, o.Addr, fmt.Sprintf("%s-p%d", o.ID, i), o.Size)
		if err != nil {
			return clients, fmt.Errorf("publisher %d at %s: %w", i, o.Addr, err)
		}
		clients = append(clients, &publisher{
			client: c, o: o, number: uint32(i),
			out:    bufio.NewWriterSize(c, 64<<10),
			window: make(chan struct{}, o.Window),
		})
	}
	return clients, nil
}

// run publishes everything and waits until the broker has taken it: by the
// last PUBACK or PUBCOMP at QoS 1 and 2, by a PINGRESP at QoS 0.
func (p *publisher) run(ctx context.Context, started time.Time) error {
	defer context.AfterFunc(ctx, p.hangUp)()
	ctx, cancel := context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	reader.Go(func() {
		err := p.read()
		cancel(err)
		if err != errDone {
			p.hangUp() // the writer may be held up by a peer that nobody reads
		}
	})
	err := p.publishAll(ctx, started)
	if err == nil {
		err = p.finish(ctx)
	}
	if err != nil {
		p.hangUp()
	}
	reader.Wait()
	return err
}

func (p *publisher) publishAll(ctx context.Context, started time.Time) error {
	topic := fmt.Appendf(nil, "%s/%d", p.o.Topic, p.number)
	payload := make([]byte, p.o.Size)
	pace := newPace(p.o, int(p.number), started)
	var packet []byte
	for seq := uint64(1); seq <= p.o.Messages; seq++ {
		if wait := pace.wait(seq, time.Now()); wait > 0 {
			if err := p.pause(ctx, wait); err != nil {
				return err
			}
			pace.woke = time.Now()
		}
		if err := p.room(ctx); err != nil {
			return err
		}
		if err := p.underWay(ctx); err != nil {
			return err
		}
		mark{run: p.o.Run, publisher: p.number, sequence: seq, sent: pace.due(seq, time.Now()).UnixNano()}.put(payload)
		packet = wire.AppendPublish(packet[:0], wire.Publish{Topic: topic, Payload: payload, QoS: p.o.QoS, ID: packetID(seq)})
		if err := p.write(packet); err != nil {
			return because(ctx, err)
		}
		p.sent++
	}
	return nil
}

// write buffers a packet whole, so that the reader's PUBRELs never come into
// the middle of one.
func (p *publisher) write(packet []byte) error {
	if p.out.Available() < len(packet) {
		if err := p.out.Flush(); err != nil {
			return err
		}
	}
	_, err := p.out.Write(packet)
	return err
}

// packetID walks through 1 to 65535 [MQTT-2.3.1-1].
func packetID(seq uint64) uint16 { return uint16((seq-1)%65535 + 1) }

// pause sends what is buffered and waits.
func (p *publisher) pause(ctx context.Context, d time.Duration) error {
	if err := p.out.Flush(); err != nil {
		return because(ctx, err)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// underWay waits while too much is under way, and counts one message more.
func (p *publisher) underWay(ctx context.Context) error {
	if p.credit == nil || p.credit.take() {
		return nil
	}
	if err := p.out.Flush(); err != nil {
		return because(ctx, err)
	}
	return p.credit.wait(ctx)
}

// room takes a slot of the window at QoS 1 and 2. What is buffered is sent before it
// waits, as no slot would come back otherwise.
func (p *publisher) room(ctx context.Context) error {
	if p.o.QoS == 0 {
		return nil
	}
	select {
	case p.window <- struct{}{}:
		return nil
	default:
	}
	if err := p.out.Flush(); err != nil {
		return because(ctx, err)
	}
	select {
	case p.window <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish sends the rest and a PINGREQ, whose answer ends the reader: the
// broker takes the packets of a connection in order.
func (p *publisher) finish(ctx context.Context) error {
	for range cap(p.window) {
		if err := p.room(ctx); err != nil {
			return err
		}
	}
	if err := p.write(wire.AppendEmpty(nil, wire.Pingreq)); err != nil {
		return because(ctx, err)
	}
	if err := p.out.Flush(); err != nil {
		return because(ctx, err)
	}
	<-ctx.Done()
	if err := context.Cause(ctx); err != errDone {
		return err
	}
	return nil
}

// read takes acknowledgements until the PINGRESP, for which it returns errDone.
func (p *publisher) read() error {
	for {
		if err := p.release(); err != nil {
			return err
		}
		packet, err := p.in.Next()
		if err != nil {
			return fmt.Errorf("publisher %d: %w", p.number, err)
		}
		switch packet.Type {
		case wire.Pingresp:
			return errDone
		case wire.Puback, wire.Pubrec, wire.Pubcomp:
			if err := p.ack(packet); err != nil {
				return err
			}
		default:
			return fmt.Errorf("publisher %d: %w: a packet of type %d", p.number, wire.ErrMalformed, packet.Type)
		}
	}
}

// release writes the PUBRELs that are due before reading may block.
func (p *publisher) release() error {
	if len(p.rels) == 0 || p.in.Ready() && len(p.rels) < maxAcks {
		return nil
	}
	_, err := p.Write(p.rels)
	p.rels = p.rels[:0]
	return err
}

func (p *publisher) ack(packet wire.Packet) error {
	id, err := wire.ParseAck(packet)
	if err != nil {
		return err
	}
	if packet.Type != wire.Pubcomp {
		if p.noted++; id != packetID(p.noted) {
			p.wrong.Add(1)
		}
	}
	if packet.Type == wire.Pubrec {
		p.rels = wire.AppendAck(p.rels, wire.Pubrel, id)
		return nil
	}
	select {
	case <-p.window:
	default:
		return fmt.Errorf("publisher %d: %w: acknowledgement %d of nothing", p.number, wire.ErrMalformed, id)
	}
	p.acked.Add(1)
	return nil
}
