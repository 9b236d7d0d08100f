package kit

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// pace is the time between two messages of a Load.
const pace = 5 * time.Millisecond

// Load is a publisher at one node and a subscriber at another that look for
// lost messages, at QoS 1.
type Load struct {
	t        testing.TB
	topic    string
	pub, sub *Client
	stop     chan struct{}
	done     chan struct{}
	sent     atomic.Int64 // and acknowledged
	slowest  time.Duration
	err      error
}

// StartLoad begins to publish, until End. The nodes must be one cluster.
func StartLoad(t testing.TB, topic string, from, to *Node) *Load {
	t.Helper()
	l := &Load{
		t: t, topic: topic, pub: from.Connect("pub " + topic), sub: to.Connect("sub " + topic).Sub(topic),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

func (l *Load) run() {
	defer close(l.done)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for l.err == nil {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		began := time.Now()
		if err := answered(l.pub.Publish(l.topic, 1, false, strconv.FormatInt(l.sent.Load(), 10))); err != nil {
			l.err = fmt.Errorf("message %d: %w", l.sent.Load(), err)
			return
		}
		l.slowest = max(l.slowest, time.Since(began))
		l.sent.Add(1)
	}
}

// More waits until so many more messages were acknowledged.
func (l *Load) More(n int64) {
	l.t.Helper()
	enough := l.sent.Load() + n
	Until(l.t, patience, fmt.Sprintf("%d messages to %s are acknowledged", n, l.topic), func() bool {
		select {
		case <-l.done: // End tells why
			return true
		default:
			return l.sent.Load() >= enough
		}
	})
}

// End stops publishing and fails the test unless every message has come, once
// and in order, and nobody was dropped. It returns how many there were, and
// the longest wait for an acknowledgement.
func (l *Load) End() (sent int, slowest time.Duration) {
	l.t.Helper()
	close(l.stop)
	<-l.done
	if l.err != nil {
		l.t.Error(l.err)
	}
	sent = int(l.sent.Load())
	for i := range sent {
		l.sub.Next(l.topic + "=" + strconv.Itoa(i))
	}
	l.pub.Undropped()
	l.sub.Undropped()
	return sent, l.slowest
}
