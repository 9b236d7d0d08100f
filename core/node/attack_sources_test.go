package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// oddSource answers as f says.
type oddSource struct {
	name string
	f    func(ctx context.Context, asked int) ([]string, error)
	n    int
}

func (s *oddSource) Name() string { return s.name }

func (s *oddSource) Discover(ctx context.Context) (discovery.Answer, error) {
	s.n++
	hosts, err := s.f(ctx, s.n)
	var a discovery.Answer
	for _, h := range hosts {
		a.Candidates = append(a.Candidates, discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: h, Port: 1}}})
	}
	return a, err
}

var _ Source = (*oddSource)(nil)

// Sources that fail, hang, answer in part or name ghosts delay a cluster; they
// never keep the nodes apart for good.
func TestOddSources(t *testing.T) {
	all := []string{"n1", "n2", "n3"}
	for what, f := range map[string]func(context.Context, int) ([]string, error){
		"fails for a while": func(_ context.Context, n int) ([]string, error) {
			if n < 20 {
				return nil, errors.New("down")
			}
			return all, nil
		},
		"hangs for a while": func(ctx context.Context, n int) ([]string, error) {
			if n < 3 {
				wait, cancel := context.WithTimeout(ctx, 20*time.Second)
				defer cancel()
				<-wait.Done()
				return nil, wait.Err()
			}
			return all, nil
		},
		"in part":      func(_ context.Context, n int) ([]string, error) { return all[n%3 : n%3+1], nil },
		"empty first":  func(_ context.Context, n int) ([]string, error) { return all[:min(n-1, 3)], nil },
		"names ghosts": func(context.Context, int) ([]string, error) { return append(slices.Clone(all), "x1", "x2"), nil },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				c.tweak = func(o *Options) { o.Sources = []Source{&oddSource{name: "odd", f: f}} }
				for _, name := range all {
					c.start(name)
					time.Sleep(700 * time.Millisecond)
				}
				time.Sleep(5 * time.Minute)
				c.one(all...)
			})
		})
	}
}

// A source that never answers does not hold up the end.
func TestStopWithAHungSource(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) {
			o.Sources = []Source{&oddSource{name: "hung", f: func(ctx context.Context, _ int) ([]string, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}}
		}
		n := c.start("n1")
		time.Sleep(time.Second)
		begin := time.Now()
		n.halt()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("stopping took %s", took)
		}
	})
}

// bootstrap_expect with one seed that all are given: whichever of the nodes
// it is, and in whatever order they start, they form one cluster.
func TestExpectWithOneSeed(t *testing.T) {
	for _, seed := range []string{"n1", "n2", "n3"} {
		for _, order := range [][]string{{"n1", "n2", "n3"}, {"n3", "n2", "n1"}, {"n2", "n1", "n3"}} {
			bubble(t, func(c *cluster) {
				for i, name := range []string{"n1", "n2", "n3"} {
					c.nodes[name] = c.idle(name, byte(i+1))
				}
				c.seeds = []string{seed + ":1"}
				c.tweak = func(o *Options) { o.Form.Expect = 3 }
				for _, name := range order {
					c.start(name)
					time.Sleep(300 * time.Millisecond)
				}
				time.Sleep(5 * time.Minute)
				for _, name := range order {
					if c.nodes[name].Cluster().IsZero() {
						t.Errorf("seed %s, order %v: %s is in no cluster after 5 minutes", seed, order, name)
					}
				}
			})
		}
	}
}

// What could not be written while the disk was full is written when it is not,
// even if nothing changes any more.
func TestFullDiskIsTriedAgain(t *testing.T) {
	bubble(t, func(c *cluster) {
		disk := &fullDisk{until: time.Now().Add(30 * time.Second)}
		c.tweak = func(o *Options) { o.Store = disk }
		c.seeds = []string{"n1:1"}
		n := c.start("n1")
		<-n.Formed()
		time.Sleep(10 * time.Minute)
		disk.mu.Lock()
		defer disk.mu.Unlock()
		if disk.saved.Cluster.IsZero() {
			t.Error("10 minutes after the disk has room again the cluster is not on it")
		}
	})
}

// fullDisk is a Store that has no room for a while.
type fullDisk struct {
	until time.Time
	mu    sync.Mutex
	saved Saved
}

func (d *fullDisk) Save(s Saved) error {
	if time.Now().Before(d.until) {
		return errors.New("no space left on device")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.saved = s
	return nil
}

var _ Store = (*fullDisk)(nil)
