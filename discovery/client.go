package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// Client is the host's end of the contract. It checks what comes back against
// the contract's bounds; every error is an *Error, with the class that the
// plugin gave or, failing that, the one of its gRPC code. Deadlines are the
// caller's. Safe for concurrent use.
type Client struct{ rpc v1.DiscoveryClient }

// NewClient speaks the contract over a connection.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{rpc: v1.NewDiscoveryClient(conn)}
}

// Applied is what a plugin made of a configuration.
type Applied struct {
	Warnings        []string
	NormalForm      json.RawMessage // nil where the plugin gives none
	RestartRequired bool            // nothing was changed; a new process is needed
}

// Info asks what the plugin is and can do.
func (c *Client) Info(ctx context.Context) (Info, error) {
	r, err := c.rpc.GetInfo(ctx, &v1.GetInfoRequest{})
	if err != nil {
		return Info{}, fromStatus(err)
	}
	return infoFromWire(r), nil
}

// Configure hands over a configuration. Setup.Logger is not sent.
func (c *Client) Configure(ctx context.Context, s Setup) (Applied, error) {
	r, err := c.rpc.Configure(ctx, &v1.ConfigureRequest{
		Config: s.Config, Self: selfToWire(s.Self), ClusterName: s.ClusterName, ClusterKey: s.ClusterKey,
	})
	if err != nil {
		return Applied{}, fromStatus(err)
	}
	return Applied{cleanAll(r.GetWarnings()), r.GetNormalForm(), r.GetRestartRequired()}, nil
}

// Discover asks where nodes might be.
func (c *Client) Discover(ctx context.Context) (Answer, error) {
	r, err := c.rpc.Discover(ctx, &v1.DiscoverRequest{})
	if err != nil {
		return Answer{}, fromStatus(err)
	}
	return answerFromWire(r, time.Now()), nil
}

// Watch calls on for each event until the stream ends, ctx ends, or on
// returns an error, which it then returns. A stream that the plugin ended
// without an error gives nil.
func (c *Client) Watch(ctx context.Context, resume string, on func(Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.Watch(ctx, &v1.WatchRequest{Resume: resume})
	if err != nil {
		return fromStatus(err)
	}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fromStatus(err)
		}
		if err := on(eventFromWire(r)); err != nil {
			return err
		}
	}
}

// Register enters self at the backend for ttl and returns what was granted.
func (c *Client) Register(ctx context.Context, self Self, ttl time.Duration) (time.Duration, error) {
	r, err := c.rpc.Register(ctx, &v1.RegisterRequest{Self: selfToWire(self), Ttl: durationpb.New(ttl)})
	if err != nil {
		return 0, fromStatus(err)
	}
	return positive(r.GetTtl()), nil
}

// Deregister removes the entry of a node.
func (c *Client) Deregister(ctx context.Context, nodeUID string) error {
	_, err := c.rpc.Deregister(ctx, &v1.DeregisterRequest{NodeUid: nodeUID})
	return fromStatus(err)
}

// Claim proposes a value for key and returns the one that stands.
func (c *Client) Claim(ctx context.Context, key string, value []byte) ([]byte, error) {
	r, err := c.rpc.Claim(ctx, &v1.ClaimRequest{Key: key, Value: value})
	if err != nil {
		return nil, fromStatus(err)
	}
	return r.GetValue(), nil
}

// Unclaim removes key if value stands there, and reports whether it did.
func (c *Client) Unclaim(ctx context.Context, key string, value []byte) (bool, error) {
	r, err := c.rpc.Unclaim(ctx, &v1.UnclaimRequest{Key: key, Value: value})
	return r.GetRemoved(), fromStatus(err)
}

// Health asks what the plugin knows of its backend.
func (c *Client) Health(ctx context.Context) (Health, error) {
	r, err := c.rpc.Health(ctx, &v1.HealthRequest{})
	if err != nil {
		return Health{}, fromStatus(err)
	}
	return healthFromWire(r), nil
}

// Shutdown tells the plugin that it will be ended after grace.
func (c *Client) Shutdown(ctx context.Context, grace time.Duration) error {
	_, err := c.rpc.Shutdown(ctx, &v1.ShutdownRequest{Grace: durationpb.New(grace)})
	return fromStatus(err)
}
