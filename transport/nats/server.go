package nats

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	client "github.com/nats-io/nats.go"
)

// How the client deals with a server.
const (
	connectTimeout = 2 * time.Second
	// probeEvery makes the server say something; what it says and when is
	// nothing to judge it by (see way), but none of so many answers is.
	probeEvery   = time.Second
	probesMissed = 60
	// firstWait is the pause after all servers were tried; it doubles up to
	// lastWait, and up to as much comes on top of it at random.
	firstWait    = 10 * time.Millisecond
	lastWait     = 640 * time.Millisecond
	flushTimeout = 500 * time.Millisecond
	// pendingBytes bounds what the client holds for us; with the windows of
	// the links it is far from reached.
	pendingBytes = 256 << 20
	warnEvery    = time.Minute // one line of a kind
)

// connect makes the connection and the subscriptions.
func (t *Transport) connect() error {
	opts, err := t.clientOptions()
	if err != nil {
		return err
	}
	urls := strings.Join(t.opts.URLs, ",")
	t.conn, err = client.Connect(urls, opts...)
	if unanswered(err) {
		t.opts.Logger.Warn("no NATS server answers; the node tries on", "urls", redacted(t.opts.URLs), "error", err)
		t.conn, err = client.Connect(urls, append(opts, client.RetryOnFailedConnect(true), client.ConnectHandler(t.connected))...)
	} else if err == nil {
		t.connected(t.conn)
	}
	if err != nil {
		return fmt.Errorf("NATS at %s: %w", redacted(t.opts.URLs), err)
	}
	if err := t.subscribe(); err != nil {
		t.end() // before: it is no loss that anybody has to hear of
		t.disconnect()
		return fmt.Errorf("NATS at %s: %w", redacted(t.opts.URLs), err)
	}
	return nil
}

// unanswered reports whether an error may go away by itself: nobody is there,
// or is not there yet. What a server that is there says is for an operator.
func unanswered(err error) bool {
	var at *net.OpError
	var slow net.Error
	return errors.Is(err, client.ErrNoServers) || errors.Is(err, client.ErrTimeout) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.As(err, &slow) && slow.Timeout() || errors.As(err, &at) && at.Op == "dial"
}

func (t *Transport) clientOptions() ([]client.Option, error) {
	o := t.opts
	opts := []client.Option{
		client.Name("muster " + o.UID), client.Timeout(connectTimeout), client.FlusherTimeout(0), // a way has its own
		client.SetCustomDialer(&dialer{net.Dialer{Timeout: connectTimeout}}),
		client.ReconnectOnFlusherError(), client.PingInterval(probeEvery), client.MaxPingsOutstanding(probesMissed),
		client.CustomReconnectDelay(pause), client.MaxReconnects(-1),
		client.ReconnectBufSize(-1), // a frame that would wait for a server is lost, and its link ends
		client.IgnoreAuthErrorAbort(),
		client.ReconnectHandler(t.connected),
		client.DisconnectErrHandler(t.disconnected), client.ErrorHandler(t.asyncError),
		client.ReconnectErrHandler(func(_ *client.Conn, err error) { t.warn("connect", "no NATS server answers", err) }),
		client.ClosedHandler(t.closed),
	}
	if o.Credentials != "" {
		c, err := credentials(o.Credentials)
		if err != nil {
			return nil, err
		}
		opts = append(opts, c)
	}
	return append(opts, tlsOptions(o)...), nil
}

// pause is how long to wait after all servers were tried so many times.
func pause(times int) time.Duration {
	d := min(firstWait<<min(max(times-1, 0), 16), lastWait)
	return d + rand.N(d)
}

// credentials tells the two kinds of files apart.
func credentials(path string) (client.Option, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: credentials: %w", ErrOptions, err)
	}
	defer clear(text)
	if bytes.Contains(text, []byte("BEGIN NATS USER JWT")) {
		return client.UserCredentials(path), nil
	}
	o, err := client.NkeyOptionFromSeed(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s holds neither a user's JWT with its seed nor the seed of an NKey: %w", ErrOptions, path, err)
	}
	return o, nil
}

func tlsOptions(o Options) (opts []client.Option) {
	if o.CACert == "" && o.Cert == "" && !o.SkipVerify {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.SkipVerify}
	if o.CACert != "" || o.Cert != "" {
		opts = append(opts, client.Secure(c))
	} else {
		opts = append(opts, func(co *client.Options) error { co.TLSConfig = c; return nil })
	}
	if o.CACert != "" {
		opts = append(opts, client.RootCAs(o.CACert))
	}
	if o.Cert != "" {
		opts = append(opts, client.ClientCert(o.Cert, o.Key))
	}
	return opts
}

// subscribe hears for the node. When a server is there, its refusal is an
// error.
func (t *Transport) subscribe() error {
	publish, subscribe := Permissions(t.opts.Cluster, t.opts.UID)
	for _, subject := range subscribe {
		sub, err := t.conn.Subscribe(subject, t.receive)
		if err == nil {
			err = sub.SetPendingLimits(-1, pendingBytes)
		}
		if err != nil {
			return err
		}
	}
	if !t.conn.IsConnected() || t.conn.FlushTimeout(connectTimeout) != nil {
		return nil
	}
	if least := headerBytes + leastPart; t.conn.MaxPayload() < int64(least) {
		return fmt.Errorf("the server takes messages of %d bytes; max_payload must be %d at least", t.conn.MaxPayload(), least)
	}
	if err := t.conn.LastError(); errors.Is(err, client.ErrPermissionViolation) {
		return fmt.Errorf("%w: a node must be allowed to publish to %q and to subscribe to %q", err, publish, subscribe)
	}
	return nil
}

// connected is told of every new connection to a server.
func (t *Transport) connected(c *client.Conn) {
	t.most.Store(c.MaxPayload())
	t.up.Store(true)
	for _, l := range t.takeLost() {
		l.tell(kindReset, 0)
	}
	t.opts.Logger.Info("connected to a NATS server", "url", c.ConnectedUrlRedacted(), "server", c.ConnectedServerName())
	wake(t.greet)
}

// disconnected ends every link: what was under way may be lost. The peers are
// told when a server is there.
func (t *Transport) disconnected(_ *client.Conn, err error) {
	t.up.Store(false)
	t.mu.Lock()
	t.count.disconnects++
	t.mu.Unlock()
	if t.life.Err() == nil {
		t.opts.Logger.Warn("the connection to the NATS server is lost; another is looked for", "error", err)
	}
	for _, l := range t.openLinks() {
		if l.fail(errConnection) {
			t.mu.Lock()
			if len(t.lost) < t.opts.MaxLinks {
				t.lost = append(t.lost, l)
			}
			t.mu.Unlock()
		}
	}
}

// takeLost returns the links whose peers do not know yet that they have ended.
func (t *Transport) takeLost() []*link {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.lost
	t.lost = nil
	return all
}

// closed is told that the client is at its end: by our Close, or because it has
// given up for good, and then nobody else is to wait either.
func (t *Transport) closed(c *client.Conn) {
	if t.life.Err() == nil {
		t.opts.Logger.Error("the NATS client has ended; this node has no links until it is started again", "error", c.LastError())
		t.end()
	}
	close(t.gone)
}

// asyncError is told what the server denies, and what was lost here.
func (t *Transport) asyncError(_ *client.Conn, _ *client.Subscription, err error) {
	what := "NATS"
	t.mu.Lock()
	switch {
	case errors.Is(err, client.ErrSlowConsumer):
		t.count.slowConsumer++
	case errors.Is(err, client.ErrPermissionViolation):
		t.count.denied++
		what = "the NATS server denies this node a subject: give its user the permissions of docs/operations/nats.md"
	}
	t.mu.Unlock()
	t.warn(err.Error(), what, err)
}

// warn logs an error, once a minute for each about.
func (t *Transport) warn(about, what string, err error) {
	if err != nil && t.life.Err() == nil && t.news(about, time.Now()) {
		t.opts.Logger.Warn(what, "error", err)
	}
}

// news reports whether something was not told within the last minute, and
// remembers that it is now.
func (t *Transport) news(about string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.warned, func(_ string, at time.Time) bool { return now.Sub(at) >= warnEvery })
	if _, told := t.warned[about]; told || len(t.warned) >= maxWarned {
		return false
	}
	t.warned[about] = now
	return true
}

// maxWarned bounds what is told in a minute.
const maxWarned = 64

// disconnect says what is still to be said, and ends the client.
func (t *Transport) disconnect() {
	if t.up.Load() {
		_ = t.conn.FlushTimeout(flushTimeout)
	}
	t.conn.Close()
	<-t.gone
}

// redacted shows URLs without the secrets that may be in them.
func redacted(urls []string) string {
	var out []string
	for _, u := range urls {
		if at := strings.LastIndexByte(u, '@'); at >= 0 {
			scheme, _, _ := strings.Cut(u, "://")
			u = scheme + "://…" + u[at:]
		}
		out = append(out, u)
	}
	return strings.Join(out, ",")
}
