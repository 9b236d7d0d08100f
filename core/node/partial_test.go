package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// listSource answers what list says for its n-th question, from 1.
type listSource struct {
	list func(n int) (hosts []string, kind discovery.Completeness)
	n    int
}

// listPace is how often it is asked; 36 s with its spread.
const listPace = 30 * time.Second

var _ Source = (*listSource)(nil)

func (s *listSource) Name() string { return "list" }

func (s *listSource) Discover(context.Context) (a discovery.Answer, _ error) {
	s.n++
	hosts, kind := s.list(s.n)
	a.Completeness, a.NextPoll = kind, listPace
	for _, h := range hosts {
		a.Candidates = append(a.Candidates, discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: h, Port: 1}}})
	}
	return a, nil
}

// keptUnnamed is how long a silent candidate is kept that is not named any
// more, see autocluster.Report.
const keptUnnamed = 10 * time.Minute

// candidateCount is how many candidates a node has.
func (n *testNode) candidateCount() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Node.mu.Lock()
	defer n.Node.mu.Unlock()
	return n.form.search.Len()
}

// PLUGINS.md, principle 2: an answer that lacks a node and says that it may
// lack some takes nothing back; one that claims to be complete does.
func TestPartialAnswersTakeNothingBack(t *testing.T) {
	for kind, found := range map[discovery.Completeness]bool{discovery.Partial: true, discovery.Complete: false} {
		bubble(t, func(c *cluster) {
			c.tweak = func(o *Options) {
				src := &listSource{list: func(int) ([]string, discovery.Completeness) { return nil, discovery.Complete }}
				if o.Saved.Name.Name() == "n1" {
					src.list = func(n int) ([]string, discovery.Completeness) {
						if n == 1 {
							return []string{"n2"}, kind
						}
						return nil, kind
					}
				}
				o.Sources = []Source{src}
			}
			a := c.start("n1")
			time.Sleep(2 * listPace)
			b := c.start("n2")
			time.Sleep(2 * listPace)
			if met := a.Cluster() == b.Cluster(); met != found {
				t.Errorf("completeness %v: the node named once was found: %v", kind, met)
			}
		})
	}
}

// A strategy that names other addresses each time and never all of them does
// not fill the list: who is silent and not named for long is forgotten, and
// who is named again is not.
func TestUnnamedAndSilentIsForgotten(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.tweak = func(o *Options) {
			o.Sources = []Source{&listSource{list: func(n int) ([]string, discovery.Completeness) {
				return []string{fmt.Sprint("x", n), "still"}, discovery.Partial
			}}}
		}
		a := c.start("n1")
		time.Sleep(keptUnnamed / 2)
		if n := a.candidateCount(); n < 8 {
			t.Errorf("%d candidates after half the time: they are forgotten too early", n)
		}
		time.Sleep(3 * keptUnnamed)
		if n, most := a.candidateCount(), int(keptUnnamed/listPace)+3; n > most {
			t.Errorf("%d candidates, want at most %d", n, most)
		}
	})
}
