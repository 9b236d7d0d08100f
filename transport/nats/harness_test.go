package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = time.Minute

func uidOf(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// listen opens the transport of node i, which ends with the test.
func listen(t testing.TB, i int, s *natstest.Server, set ...func(*Options)) *Transport {
	t.Helper()
	tr, err := tryListen(t, i, s.URL(), set...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func tryListen(t testing.TB, i int, url string, set ...func(*Options)) (*Transport, error) {
	o := Options{URLs: []string{url}, Cluster: "a cluster.*", UID: uidOf(i)}
	for _, f := range set {
		f(&o)
	}
	tr, err := Listen(o)
	if err == nil {
		t.Cleanup(func() { _ = tr.Close() })
	}
	return tr, err
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// pair opens a link from one transport to another.
func pair(t testing.TB, from, to *Transport) (dialled, accepted *link) {
	t.Helper()
	a, err := from.Dial(within(t), to.Addr())
	if err != nil {
		t.Fatal(err)
	}
	b, err := to.Accept(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return a.(*link), b.(*link)
}

// pass sends a frame and receives it at the other end.
func pass(t testing.TB, from, to *link, text string) {
	t.Helper()
	if err := from.Send([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, err := to.Receive(); err != nil || string(got) != text {
		t.Fatalf("received %.60q, %v", got, err)
	}
}

// sendUntold sends what makes the peer end the link; its word of that may come
// before Send returns, which then says so.
func sendUntold(t testing.TB, from *link, text string) {
	t.Helper()
	if err := from.Send([]byte(text)); err != nil && !errors.Is(err, transport.ErrClosed) {
		t.Fatal(err)
	}
}

// wantEnd checks that Receive ends, with a cause that says so much.
func wantEnd(t testing.TB, l *link, text string) {
	t.Helper()
	stop := time.AfterFunc(patience, func() { _ = l.Close() })
	defer stop.Stop()
	for {
		_, err := l.Receive()
		if err == nil {
			continue
		}
		if !errors.Is(err, transport.ErrClosed) || !strings.Contains(err.Error(), text) {
			t.Errorf("the link ended with %v, want %q", err, text)
		}
		return
	}
}

// log collects what a transport logs.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *log) option(o *Options) { o.Logger = slog.New(slog.NewTextHandler(l, nil)) }

// until waits for a state that has no event.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it does not come about: %s", what)
		}
	}
}
