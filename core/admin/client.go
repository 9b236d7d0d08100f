package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// Bounds of the client.
const (
	dialTime   = 3 * time.Second
	answerTime = operatorTime + 10*time.Second
)

// ErrNoNode is wrapped when nothing answers at the admin address: the node
// does not run, or it is another one.
var ErrNoNode = errors.New("no node answers")

// RefusedError is the answer of a node that did not do what it was asked.
type RefusedError struct {
	Status int    // of HTTP
	Text   string // the node's own words: why, and what to do
}

// Error returns the node's own words.
func (e *RefusedError) Error() string { return e.Text }

// Client asks one node through its admin API. Its methods may be called
// concurrently; their errors wrap ErrNoNode or are a *RefusedError.
type Client struct {
	base string // URL without the path
	at   string // for people
	http *http.Client
}

// NewClient returns a client for a unix socket, as a path or unix:path, or for
// an http or https URL. It connects with the first request.
func NewClient(target string) (*Client, error) {
	if target == "" {
		return nil, errors.New("the admin address is empty")
	}
	c := &Client{base: strings.TrimSuffix(target, "/"), at: target}
	dial := (&net.Dialer{Timeout: dialTime}).DialContext
	if !isURL(target) {
		path := socketPath(target)
		if strings.Contains(path, "://") {
			return nil, fmt.Errorf("admin address %s: give a unix path or an http URL", quote(target))
		}
		c.base, c.at = "http://muster", path
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "unix", path)
		}
	}
	// No connection is kept: over one, a node that has closed its socket would
	// go on answering, and Stop would wait for ever.
	c.http = &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Timeout:       answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func isURL(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// socketPath takes the forms unix:path and unix:///path to the path.
func socketPath(target string) string {
	if path, ok := strings.CutPrefix(target, "unix:"); ok {
		return strings.TrimPrefix(path, "//")
	}
	return target
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Cluster asks for the cluster as the node sees it.
func (c *Client) Cluster(ctx context.Context) (out Cluster, err error) {
	return out, c.get(ctx, "/v1/cluster", &out)
}

// Ready asks whether the node is in a cluster and has its routes; a
// RefusedError says why it is not ready.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, "/health/ready", &health{}) }

// Members asks for all members, sorted by name.
func (c *Client) Members(ctx context.Context) (out Members, err error) {
	return out, c.get(ctx, "/v1/members", &out)
}

// Routes asks for the first limit routes; 0 means the node's default.
func (c *Client) Routes(ctx context.Context, limit int) (out Routes, err error) {
	return out, c.get(ctx, "/v1/routes"+query(limit, nil), &out)
}

// RoutesOf asks for the first limit routes that a message published to topic
// takes; 0 means the node's default.
func (c *Client) RoutesOf(ctx context.Context, topic core.Topic, limit int) (out Routes, err error) {
	return out, c.get(ctx, "/v1/routes"+query(limit, url.Values{"topic": {string(topic)}}), &out)
}

// Plugins asks for the discovery processes.
func (c *Client) Plugins(ctx context.Context) (out Plugins, err error) {
	return out, c.get(ctx, "/v1/plugins", &out)
}

// Discovery asks what each discovery strategy is and last said.
func (c *Client) Discovery(ctx context.Context) (out Discovery, err error) {
	return out, c.get(ctx, "/v1/discovery", &out)
}

// TestDiscovery asks a strategy once, without any effect on the node.
func (c *Client) TestDiscovery(ctx context.Context, strategy string) (out DiscoveryTest, err error) {
	return out, c.post(ctx, "/v1/discovery/"+url.PathEscape(strategy)+"/test", struct{}{}, &out)
}

// SwitchDiscovery starts the plugin of a strategy at once, or ends it.
func (c *Client) SwitchDiscovery(ctx context.Context, strategy string, on bool) error {
	verb := "/disable"
	if on {
		verb = "/enable"
	}
	return c.post(ctx, "/v1/discovery/"+url.PathEscape(strategy)+verb, struct{}{}, &Switched{})
}

// Unclaim removes the claim of the node's cluster, and returns the strategy
// that held it.
func (c *Client) Unclaim(ctx context.Context) (strategy string, err error) {
	var out Switched
	err = c.post(ctx, "/v1/discovery/unclaim", struct{}{}, &out)
	return out.Strategy, err
}

// Join asks the node to join the cluster of the node at target.
func (c *Client) Join(ctx context.Context, target string) (out Cluster, err error) {
	return out, c.post(ctx, "/v1/cluster/join", joinRequest{Node: target}, &out)
}

// Merge asks the node to merge its cluster with those met at the addresses,
// and returns how many nodes it met.
func (c *Client) Merge(ctx context.Context, addrs []string) (int, error) {
	var out Merged
	err := c.post(ctx, "/v1/cluster/merge", mergeRequest{Addresses: addrs}, &out)
	return out.Contacted, err
}

// Leave asks the node to give its membership up.
func (c *Client) Leave(ctx context.Context) (out Cluster, err error) {
	return out, c.post(ctx, "/v1/cluster/leave", struct{}{}, &out)
}

// ForceLeave asks the node to remove another member.
func (c *Client) ForceLeave(ctx context.Context, name core.NodeID) (out Cluster, err error) {
	return out, c.post(ctx, "/v1/members/"+url.PathEscape(string(name))+"/force-leave", struct{}{}, &out)
}

// Stop asks the node to end, and waits until nothing answers any more.
func (c *Client) Stop(ctx context.Context) error {
	var out health
	if err := c.post(ctx, "/v1/node/stop", struct{}{}, &out); err != nil {
		return err
	}
	return c.awaitEnd(ctx)
}

// awaitEnd waits until the admin address is deserted or ctx ends.
func (c *Client) awaitEnd(ctx context.Context) error {
	c.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if deserted(c.get(ctx, "/health/live", &health{})) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the node at %s has not ended yet: %w", c.at, ctx.Err())
		}
	}
}

// deserted reports whether an error proves that nobody listens.
func deserted(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}
