package abuse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// load is a publisher and a subscriber at each node. Every publisher waits for
// each acknowledgement; every subscriber wants all messages of every publisher,
// in order and once.
type load struct {
	t       *testing.T
	clients []mqtt.Client
	stop    chan struct{}
	done    sync.WaitGroup

	mu      sync.Mutex
	sent    []int   // by publisher; acknowledged
	got     [][]int // by subscriber and publisher
	slowest time.Duration
	wrong   []string
}

// maxWrong bounds what is kept of what went wrong.
const maxWrong = 10

func newLoad(t *testing.T, nodes []*node) *load {
	t.Helper()
	l := &load{t: t, stop: make(chan struct{}), sent: make([]int, len(nodes))}
	t.Cleanup(l.end)
	for i, n := range nodes {
		l.got = append(l.got, make([]int, len(nodes)))
		sub := l.connect(n, fmt.Sprint("sub", i), func(_ mqtt.Client, m mqtt.Message) { l.take(i, m) })
		l.await(sub.Subscribe("abuse/#", 1, nil))
	}
	l.routed(nodes)
	for i, n := range nodes {
		pub := l.connect(n, fmt.Sprint("pub", i), nil)
		l.done.Go(func() { l.publishes(i, pub) })
	}
	return l
}

// routed waits until every node knows where messages go. A SUBACK that came
// before is of a node that has stopped waiting for a slow one.
func (l *load) routed(nodes []*node) {
	l.t.Helper()
	for _, n := range nodes {
		until(l.t, time.Now(), time.Minute, func() string {
			var all struct{ Total int }
			if n.get("/v1/routes?topic=abuse/0", &all); all.Total != len(nodes) {
				return fmt.Sprintf("%s knows %d routes", n.name, all.Total)
			}
			return ""
		})
	}
}

// flows waits until every subscriber has a message of every publisher.
func (l *load) flows() {
	l.t.Helper()
	until(l.t, time.Now(), time.Minute, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		for sub, got := range l.got {
			if slices.Min(got) == 0 {
				return fmt.Sprintf("subscriber %d has %d messages; %s", sub, got, words(l.wrong))
			}
		}
		return ""
	})
}

func (l *load) connect(n *node, id string, on mqtt.MessageHandler) mqtt.Client {
	l.t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + n.MQTT).SetClientID(id).
		SetAutoReconnect(false).SetOrderMatters(true).SetConnectTimeout(time.Minute).SetDefaultPublishHandler(on)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.fault("%s lost its connection: %v", id, err) })
	c := mqtt.NewClient(o)
	l.clients = append(l.clients, c)
	l.await(c.Connect())
	return c
}

func (l *load) await(t mqtt.Token) {
	l.t.Helper()
	if !t.WaitTimeout(time.Minute) || t.Error() != nil {
		l.t.Fatalf("a client is not served: %v", t.Error())
	}
}

func (l *load) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < maxWrong {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// publishes publishes until the end, one message after the other.
func (l *load) publishes(i int, c mqtt.Client) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		began := time.Now()
		t := c.Publish(fmt.Sprint("abuse/", i), 1, false, strconv.Itoa(n))
		if !t.WaitTimeout(time.Minute) || t.Error() != nil {
			l.fault("message %d of publisher %d was not acknowledged: %v", n, i, t.Error())
			return
		}
		l.mu.Lock()
		l.sent[i]++
		l.slowest = max(l.slowest, time.Since(began))
		l.mu.Unlock()
	}
}

// take checks that a message is the next of its publisher.
func (l *load) take(sub int, m mqtt.Message) {
	pub, err := strconv.Atoi(strings.TrimPrefix(m.Topic(), "abuse/"))
	if err != nil || pub >= len(l.sent) {
		l.fault("subscriber %d got the topic %q", sub, m.Topic())
		return
	}
	l.mu.Lock()
	want := strconv.Itoa(l.got[sub][pub])
	l.got[sub][pub]++
	l.mu.Unlock()
	if got := string(m.Payload()); got != want {
		l.fault("subscriber %d got message %s of publisher %d, not %s", sub, got, pub, want)
	}
}

// settle ends the publishers and waits until every subscriber has everything.
func (l *load) settle() {
	l.t.Helper()
	l.quiet()
	until(l.t, time.Now(), time.Minute, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		for sub := range l.got {
			for pub, sent := range l.sent {
				if got := l.got[sub][pub]; got != sent || sent == 0 {
					return fmt.Sprintf("subscriber %d has %d of %d messages of publisher %d; %s", sub, got, sent, pub, words(l.wrong))
				}
			}
		}
		return ""
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := 0
	for _, n := range l.sent {
		sum += n
	}
	l.t.Logf("%d messages of %d publishers, none lost, all in order at %d subscribers; the slowest acknowledgement took %s",
		sum, len(l.sent), len(l.got), l.slowest.Round(time.Millisecond))
	if len(l.wrong) > 0 {
		l.t.Error(words(l.wrong))
	}
}

// quiet ends the publishers.
func (l *load) quiet() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// end ends everything.
func (l *load) end() {
	l.quiet()
	for _, c := range l.clients {
		c.Disconnect(0)
	}
}
