package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/transport/helloport"
	"github.com/muster-mqtt/muster/transport/mem"
)

// air is where the nodes of a test hear one another.
type air struct {
	mu   sync.Mutex
	ears []*ear
}

// ear is a Hearer.
type ear struct {
	air     *air
	uid     core.UID
	deaf    bool
	changed chan struct{}
}

var _ Hearer = (*ear)(nil)

// enter lets a node be heard, and hear.
func (a *air) enter(uid core.UID) *ear {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &ear{air: a, uid: uid, changed: make(chan struct{}, 1)}
	a.ears = append(a.ears, e)
	for _, o := range a.ears {
		select {
		case o.changed <- struct{}{}:
		default:
		}
	}
	return e
}

func (e *ear) Heard() (addrs []string, err error) {
	e.air.mu.Lock()
	defer e.air.mu.Unlock()
	if e.deaf {
		return nil, errors.New("no server")
	}
	for _, o := range e.air.ears {
		if o.uid != e.uid {
			addrs = append(addrs, o.uid.String())
		}
	}
	return addrs, nil
}

func (e *ear) Changed() <-chan struct{} { return e.changed }

func isUID(addr string) bool {
	_, err := core.ParseUID(addr)
	return err == nil
}

// overLinks makes the nodes of c link by uid on a network of their own, and
// keep the other one for hello and probes.
func (c *cluster) overLinks() (links *mem.Network) {
	links = mem.NewNetwork(mem.Options{Seed: 2})
	c.tweak = func(o *Options) {
		o.Transport = helloport.New(helloport.Options{
			Links: links.Endpoint(o.Saved.UID.String()), Port: o.Transport, IsLink: isUID,
		})
	}
	return links
}

// Nodes that were given as host and port meet there, and link by uid; the port
// carries no link.
func TestPortForHelloOnly(t *testing.T) {
	bubble(t, func(c *cluster) {
		links := c.overLinks()
		a, b, _ := c.three()
		box := b.sub("t")
		a.pub("t", "over the links", 1)
		if got := box.take(); !slices.Equal(got, []string{"t=over the links/1"}) {
			t.Errorf("got %q", got)
		}
		if got := links.Stats().Links; got < 3 {
			t.Errorf("%d links by uid, want one a pair at least", got)
		}
		if got := c.net.Stats().Links; got != 0 {
			t.Errorf("%d links left at the ports", got)
		}
	})
}

// An operator's join goes by host and port too.
func TestJoinOverThePort(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.overLinks()
		over := c.tweak
		c.tweak = func(o *Options) { over(o); o.Form.Manual, o.Sources = true, nil }
		a, _ := c.start("n1"), c.start("n2")
		time.Sleep(time.Second)
		if err := a.Join(context.Background(), "n2:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.one("n1", "n2")
	})
}

// Nodes of two transports stay apart, and whoever asks is told why.
func TestMixedTransports(t *testing.T) {
	for from, to := range map[string]string{"n1": "n2:1", "n2": "n1:1"} {
		bubble(t, func(c *cluster) {
			alone := func(o *Options) { o.Form.Manual, o.Sources = true, nil }
			c.overLinks()
			over := c.tweak
			c.tweak = func(o *Options) { over(o); alone(o) }
			c.start("n1")
			c.tweak = alone
			c.start("n2")
			time.Sleep(time.Second)
			if err := c.nodes[from].Join(context.Background(), to); err == nil || !strings.Contains(err.Error(), "transport.type") {
				t.Errorf("join of %s: %v", to, err)
			}
			time.Sleep(time.Minute)
			c.one("n1")
			c.one("n2")
		})
	}
}

// The strategy transport needs nobody who names nodes: who is heard is a
// candidate, and clusters that hear of each other later are merged.
func TestHeardNodesForm(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.overLinks()
		over, apart := c.tweak, map[string]*air{"n1": {}, "n2": {}, "n3": {}}
		c.tweak = func(o *Options) {
			over(o)
			o.Sources = []Source{FromTransport(apart[o.Saved.Name.Name()].enter(o.Saved.UID))}
			o.Form.After = time.Second
		}
		apart["n2"] = apart["n1"]
		c.start("n1")
		c.start("n2")
		time.Sleep(5 * time.Second)
		c.one("n1", "n2")
		late := c.start("n3")
		time.Sleep(5 * time.Second)
		c.one("n3")
		apart["n3"].enter(core.UID{1}) // n1
		time.Sleep(5 * time.Second)
		c.one("n1", "n2", "n3")
		if late.Cluster() != c.nodes["n1"].Cluster() {
			t.Error("two clusters")
		}
	})
}

// While the transport cannot hear, its silence is no answer.
func TestDeafTransport(t *testing.T) {
	e := (&air{}).enter(core.UID{1})
	e.deaf = true
	src := FromTransport(e)
	if _, err := src.Discover(t.Context()); discovery.ClassOf(err) != discovery.BackendUnavailable {
		t.Errorf("deaf: %v", err)
	}
	e.deaf = false
	e.air.enter(core.UID{2})
	a, err := src.Discover(t.Context())
	if err != nil || len(a.Candidates) != 1 || a.Completeness != discovery.Complete {
		t.Fatalf("%+v %v", a, err)
	}
	if got := (Options{}).candidateAddrs(a.Candidates[0]); !slices.Equal(got, []string{core.UID{2}.String()}) {
		t.Errorf("addresses %q", got)
	}
}
