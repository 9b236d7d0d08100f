package stall

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// pace is the time between two messages of a publisher.
const pace = 5 * time.Millisecond

// publisher publishes numbers at QoS 1, each when the one before is
// acknowledged, and times the acknowledgements.
type publisher struct {
	topic string
	c     *kit.Client
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	times   []time.Duration // since the last look
	slowest time.Duration
	blocked int // the message that waited longest
	sent    int
	err     error
	t       *testing.T
}

func begin(t *testing.T, c *kit.Client, topic string) *publisher {
	p := &publisher{topic: topic, c: c, t: t, stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *publisher) run() {
	defer close(p.done)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		began := time.Now()
		token := p.c.Publish(p.topic, 1, false, strconv.Itoa(p.sent))
		token.Wait() // the end of the test ends the connection
		took := time.Since(began)
		p.mu.Lock()
		if p.err = token.Error(); p.err != nil {
			p.mu.Unlock()
			return
		}
		p.times = append(p.times, took)
		if took > p.slowest {
			p.slowest, p.blocked = took, p.sent
		}
		p.sent++
		p.mu.Unlock()
	}
}

// mark forgets the times so far.
func (p *publisher) mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = nil
}

func (p *publisher) quantile() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return quantile99(p.times).Round(10 * time.Microsecond)
}

// count is how many messages were acknowledged so far.
func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// ended reports whether the publisher has given up; its end tells why.
func (p *publisher) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end stops the publisher and returns how many messages were acknowledged.
func (p *publisher) end() int {
	p.t.Helper()
	close(p.stop)
	<-p.done
	if p.err != nil {
		p.t.Errorf("%s: message %d: %v", p.topic, p.sent, p.err)
	}
	return p.sent
}
