package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// Transport is a listening port and the links opened through it.
type Transport struct {
	opts     Options
	listener net.Listener
	dialer   net.Dialer
	life     context.Context // ends with Close
	end      context.CancelFunc
	acceptor sync.WaitGroup // what Listen started, and its handshakes
	watcher  sync.WaitGroup // of the files of TLS
	pending  chan *link
	shaking  shakes
	refused  refusals

	mu       sync.Mutex
	links    map[*link]struct{}
	waiting  map[netip.Addr]int // of pending and reserved, by source
	reserved int                // places of pending
	stats    Stats
}

var _ transport.Transport = (*Transport)(nil)

// Stats counts what a Transport did since Listen.
type Stats struct {
	Links         int    // open now, those that wait for Accept included
	Pending       int    // waiting for Accept now
	RefusedFull   uint64 // refused because MaxPending links waited
	RefusedSource uint64 // refused because MaxPerSource links of that address waited
	AcceptErrors  uint64 // times that the kernel could not hand over a connection
	// Insecure counts, by reason, links that did not come to stand because the
	// two sides do not agree on TLS, or one does not trust the other; nil for
	// none.
	Insecure map[string]uint64
}

// Listen opens the first free port of opts.Ports. The error wraps
// ErrPortInUse when all are taken, and reads "port N is in use" for one.
func Listen(opts Options) (*Transport, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	listener, err := listen(opts)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		opts: opts, listener: listener,
		dialer:  net.Dialer{KeepAliveConfig: keepAlive(opts.KeepAlive)},
		pending: make(chan *link, opts.MaxPending),
		links:   map[*link]struct{}{},
		waiting: map[netip.Addr]int{},
	}
	t.life, t.end = context.WithCancel(context.Background())
	t.acceptor.Go(t.acceptAll)
	if opts.TLS != nil {
		t.watcher.Go(func() { opts.TLS.watch(t.life, opts.Logger) })
	}
	return t, nil
}

func listen(opts Options) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(opts.KeepAlive)}
	lc.SetMultipathTCP(false) // its sockets do not take TCP_USER_TIMEOUT
	for _, port := range opts.Ports {
		addr := net.JoinHostPort(opts.Bind, strconv.Itoa(port))
		l, err := lc.Listen(context.Background(), opts.network(), addr)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on %s: %w", addr, cause(err))
		}
	}
	return nil, busy(opts.Ports)
}

// keepAlive asks three times within as long again as the link was idle.
func keepAlive(idle time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: idle, Interval: idle / 3, Count: 3}
}

// Addr returns the address that Accept hears on, as host:port.
func (t *Transport) Addr() string { return t.listener.Addr().String() }

// Stats returns the counters as they are now.
func (t *Transport) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Links, s.Pending = len(t.links), len(t.pending)
	s.Insecure = t.refused.all()
	return s
}

// Close frees the port and ends every link, Accept and Dial. It returns when
// the goroutines of the listener are gone. The error is always nil.
func (t *Transport) Close() error {
	t.end()
	_ = t.listener.Close()
	for _, l := range t.openLinks() {
		_ = l.Close()
	}
	t.acceptor.Wait()
	t.watcher.Wait()
	return nil
}

func (t *Transport) openLinks() []*link {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*link, 0, len(t.links))
	for l := range t.links {
		all = append(all, l)
	}
	return all
}

// adopt records a link so that Close can end it. It reports false when Close
// came first. The caller holds mu.
func (t *Transport) adopt(l *link) bool {
	if t.life.Err() != nil {
		return false
	}
	t.links[l] = struct{}{}
	return true
}

// forget drops a link that has ended.
func (t *Transport) forget(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, l)
}
