package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/muster-mqtt/muster/discovery"
)

// The times of a call. The host waits 5 s; our own error comes before that
// and says more than its deadline would.
const (
	callTime    = 4500 * time.Millisecond
	tokenTime   = 4 * time.Second // to trade username and password for a token
	maxTries    = 3               // servers asked in one call, while they do not answer
	pingTime    = 10 * time.Second
	pingTimeout = 3 * time.Second
)

// maxAnswer bounds what one message of etcd may make us hold, in bytes; a
// page of entries stays below it.
const maxAnswer = 8 << 20

// backend is the connection to etcd. It is made at the first call, so that
// nothing waits for an etcd that is down.
type backend struct {
	endpoints          []string
	username, password string
	tls                *tls.Config
	seen               *vitals

	turn   chan struct{}    // held to read or set what follows
	client *clientv3.Client // nil before the first call that got through
	closed bool
}

func newBackend(c settings, tls *tls.Config, seen *vitals) *backend {
	return &backend{
		endpoints: c.endpoints, username: c.Username, password: c.Password,
		tls: tls, seen: seen, turn: make(chan struct{}, 1),
	}
}

// ask makes one question to etcd. It may be called again, at another server,
// when one does not answer; it must bear that.
type ask func(ctx context.Context, c *clientv3.Client) error

// call asks within ctx and callTime, and keeps the outcome for Health.
func (b *backend) call(ctx context.Context, f ask) error {
	return b.callUpTo(ctx, min(len(b.endpoints), maxTries), f)
}

// callOnce is for what must not be asked twice.
func (b *backend) callOnce(ctx context.Context, f ask) error { return b.callUpTo(ctx, 1, f) }

func (b *backend) callUpTo(ctx context.Context, tries int, f ask) error {
	within, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := b.connect(within)
	for left := tries; c != nil && left > 0; left-- {
		if err = once(within, left, c, f); !silent(err) || within.Err() != nil {
			break
		}
	}
	err = classify(ctx, err)
	b.seen.note(err, time.Now())
	return err
}

// once gives a server its share of the time that is left.
func once(ctx context.Context, shares int, c *clientv3.Client, f ask) error {
	deadline, ok := ctx.Deadline()
	if ok && shares > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	return f(ctx, c)
}

// silent reports whether a server did not answer in its time.
func silent(err error) bool { return err != nil && classOf(err) == discovery.Timeout }

// connect returns the client, which it makes if there is none yet. With a
// username that takes an answer of etcd.
func (b *backend) connect(ctx context.Context) (*clientv3.Client, error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case b.closed:
		return nil, discovery.Errorf(discovery.BackendUnavailable, "the strategy was closed")
	case b.client != nil:
		return b.client, nil
	}
	// The client lives on when this call is over, but is not waited for any
	// longer than it.
	life, end := context.WithCancel(context.Background())
	unhook := context.AfterFunc(ctx, end)
	c, err := clientv3.New(b.config(life))
	if !unhook() && err == nil {
		_ = c.Close()
		err = ctx.Err()
	}
	if err != nil {
		end()
		return nil, err
	}
	b.client = c
	return c, nil
}

func (b *backend) config(life context.Context) clientv3.Config {
	pace := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second}
	return clientv3.Config{
		Endpoints: b.endpoints, TLS: b.tls, Username: b.username, Password: b.password,
		Context: life, Logger: zap.NewNop(), DialTimeout: tokenTime,
		DialKeepAliveTime: pingTime, DialKeepAliveTimeout: pingTimeout,
		MaxUnaryRetries: 5, BackoffWaitBetween: 50 * time.Millisecond,
		MaxCallSendMsgSize: 1 << 20, MaxCallRecvMsgSize: maxAnswer,
		DialOptions: []grpc.DialOption{
			// By default it is tried again after up to two minutes only.
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: pace, MinConnectTimeout: 5 * time.Second}),
			grpc.WithChainUnaryInterceptor(failFast),
		},
	}
}

// failFast makes a call fail when no server can be reached, with the reason,
// where etcd's client would wait for one until the deadline.
func failFast(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
}

// close ends the connection for good.
func (b *backend) close() error {
	b.turn <- struct{}{} // held for callTime at most
	defer func() { <-b.turn }()
	b.closed = true
	if b.client == nil {
		return nil
	}
	if err := b.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
