package load

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Looped is what the publishers and subscribers of a loop did and saw.
type Looped struct {
	Sent     Sent     `json:"sent"`
	Received Received `json:"received"`
	// Stalls counts how often a publisher gave up what was under way.
	Stalls uint64 `json:"stalls"`
}

// loop is both ends in one process.
type loop struct {
	o        Options
	pubs     []*publisher
	subs     []*subscriber
	draining atomic.Bool
	sent     Sent
}

// runLoop connects everybody, tells that it is ready, waits for start, and
// publishes; it returns when everything has come, or nothing more comes.
func runLoop(ctx context.Context, o Options, s signals) (Looped, error) {
	l := &loop{o: o}
	defer l.close()
	if err := l.connect(ctx); err != nil {
		return Looped{}, because(ctx, err)
	}
	s.ready()
	select {
	case <-s.start:
	case <-ctx.Done():
		return Looped{}, context.Cause(ctx)
	}
	err := together(ctx, len(l.subs)+1, func(ctx context.Context, i int) (err error) {
		if i < len(l.subs) {
			return l.subs[i].run(ctx)
		}
		l.sent, err = publish(ctx, l.pubs)
		l.draining.Store(true)
		return err
	})
	return l.result(), because(ctx, err)
}

func (l *loop) connect(ctx context.Context) (err error) {
	if l.o.Own && l.o.Clients%l.o.Publishers != 0 {
		return fmt.Errorf("%d subscribers cannot be shared out evenly to %d publishers", l.o.Clients, l.o.Publishers)
	}
	if l.subs, err = connectSubscribers(ctx, l.o, &l.draining); err != nil {
		return err
	}
	if l.pubs, err = connectPublishers(ctx, l.o); err != nil {
		return err
	}
	credits := make([]*credit, len(l.pubs))
	for i, p := range l.pubs {
		p.credit = newCredit(l.o)
		credits[i] = p.credit
	}
	for _, s := range l.subs {
		s.credits = credits
	}
	return nil
}

func (l *loop) result() Looped {
	r := Looped{Sent: l.sent, Received: sumUp(l.subs)}
	for _, p := range l.pubs {
		if p.credit != nil {
			r.Stalls += p.credit.stalls
		}
	}
	return r
}

func (l *loop) close() {
	for _, p := range l.pubs {
		p.close()
	}
	for _, s := range l.subs {
		s.close()
	}
}
