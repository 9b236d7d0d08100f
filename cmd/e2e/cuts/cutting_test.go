package cuts

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/muster-mqtt/muster/transport"
)

// cutting is a transport whose links can be cut.
type cutting struct {
	transport.Transport
	links *links
}

var _ transport.Transport = (*cutting)(nil)

// Dial implements transport.Transport.
func (c *cutting) Dial(ctx context.Context, addr string) (transport.Link, error) {
	return c.links.enter(c.Transport.Dial(ctx, addr))
}

// Accept implements transport.Transport.
func (c *cutting) Accept(ctx context.Context) (transport.Link, error) {
	return c.links.enter(c.Transport.Accept(ctx))
}

// links are the open links of all nodes of a test.
type links struct {
	mu   sync.Mutex
	open []*cuttable
	rand *rand.Rand
}

// cuttable is a link that leaves the list when it ends.
type cuttable struct {
	transport.Link
	links *links
}

var _ transport.Link = (*cuttable)(nil)

func (l *links) enter(link transport.Link, err error) (transport.Link, error) {
	if err != nil {
		return nil, err
	}
	c := &cuttable{Link: link, links: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	return c, nil
}

// Close implements transport.Link.
func (c *cuttable) Close() error {
	c.links.forget(c)
	return c.Link.Close()
}

func (l *links) forget(c *cuttable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.open {
		if o == c {
			l.open[i] = l.open[len(l.open)-1]
			l.open = l.open[:len(l.open)-1]
			return
		}
	}
}

// cut closes one of the open links, under whoever uses it, and reports whether
// there was one.
func (l *links) cut() bool {
	l.mu.Lock()
	if len(l.open) == 0 {
		l.mu.Unlock()
		return false
	}
	c := l.open[l.rand.IntN(len(l.open))]
	l.mu.Unlock()
	_ = c.Close() // the nodes see that it is gone
	return true
}
