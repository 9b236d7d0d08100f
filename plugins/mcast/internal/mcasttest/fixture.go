//go:build linux

package mcasttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Crowd is a group on a cable of its own, with nodes in it that answer and
// repeat themselves as those of other machines do.
type Crowd struct {
	Cable *Cable
	Group string // address:port
	*Speaker

	ctx    context.Context
	cancel context.CancelFunc
	works  sync.WaitGroup
	asked  chan struct{}

	mu    sync.Mutex
	nodes map[string]Node      // those that the crowd speaks for, by uid
	seen  map[string]time.Time // the others, by uid: until when they stand
}

// How the nodes of a crowd speak.
const (
	repeatEvery = 2 * time.Second
	answerAfter = 50 * time.Millisecond // at most
)

// The ports of groups are below those that discovery/discoverytest/ports holds
// on loopback, which a group's own would not go with.
const (
	lowPort = 6_000
	ports   = 4_000
)

// Gather makes an empty Crowd.
func Gather(cluster string, key []byte) (*Crowd, error) {
	cable, err := New()
	if err != nil {
		return nil, err
	}
	c := &Crowd{
		Cable: cable, Group: fmt.Sprintf("239.77.%d.%d:%d", rand.IntN(256), rand.IntN(256), lowPort+rand.IntN(ports)),
		asked: make(chan struct{}, 1), nodes: map[string]Node{}, seen: map[string]time.Time{},
	}
	if c.Speaker, err = Speak(cable.Name, c.Group, cluster, key, c.hear); err != nil {
		return nil, errors.Join(err, cable.Close())
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.works.Go(c.repeat)
	return c, nil
}

// Close ends the crowd and its cable.
func (c *Crowd) Close() error {
	c.cancel()
	c.works.Wait()
	return errors.Join(c.Speaker.Close(), c.Cable.Close())
}

func (c *Crowd) hear(h Heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ours := c.nodes[h.UID]; ours || h.Own {
		if h.Kind != Question {
			return
		}
	}
	switch h.Kind {
	case Announcement:
		c.seen[h.UID] = time.Now().Add(h.Lifetime)
	case Farewell:
		delete(c.seen, h.UID)
	}
	if h.Asks {
		select {
		case c.asked <- struct{}{}:
		default:
		}
	}
}

// repeat says everything again now and then, and soon after a question.
func (c *Crowd) repeat() {
	tick := time.NewTicker(repeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		case <-c.asked:
			select {
			case <-time.After(rand.N(answerAfter)):
			case <-c.ctx.Done():
				return
			}
		}
		c.mu.Lock()
		for _, n := range c.nodes {
			_ = c.Send(c.Frame(Announcement, n, time.Now())) // it fails while the cable is out
		}
		c.mu.Unlock()
	}
}

// Add lets a node appear, and returns when it was heard.
func (c *Crowd) Add(ctx context.Context, n Node) error {
	c.mu.Lock()
	c.nodes[n.UID] = n
	c.mu.Unlock()
	return c.Say(ctx, Announcement, n)
}

// Remove lets a node say farewell.
func (c *Crowd) Remove(ctx context.Context, uid string) error {
	c.mu.Lock()
	n, known := c.nodes[uid]
	delete(c.nodes, uid)
	c.mu.Unlock()
	if !known {
		return fmt.Errorf("there is no node %s", uid)
	}
	return c.Say(ctx, Farewell, n)
}

// Others are the uids of the nodes that stand and for which somebody else
// speaks.
func (c *Crowd) Others() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(c.seen, func(_ string, until time.Time) bool { return now.After(until) })
	return slices.Sorted(maps.Keys(c.seen))
}
