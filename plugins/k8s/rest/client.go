package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of what a server may make us hold.
const (
	maxBody   = 16 << 20 // bytes of one answer
	maxHeader = 64 << 10 // bytes of its head
	maxStatus = 64 << 10 // bytes of an answer that is an error
	maxIdle   = 2        // connections kept open: one asks, one watches
	maxConns  = 64       // connections at a time; further calls wait
	idleTime  = 90 * time.Second
)

// Options say where the API server is and how it is spoken to.
type Options struct {
	Server    *url.URL // http or https; a path, if any, goes before that of each call
	TokenFile string   // holds the bearer token; read for each call, used over https only
	CAFile    string   // PEM of the authorities, for https; read for each connection
}

// Client asks one API server. Safe for concurrent use.
type Client struct {
	o    Options
	http *http.Transport
}

// New returns a client that has no connection yet.
func New(o Options) *Client {
	c := &Client{o: o}
	dial := dialer()
	c.http = &http.Transport{
		DialContext: dial.DialContext, DialTLSContext: c.dialTLS,
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, MaxConnsPerHost: maxConns, IdleConnTimeout: idleTime,
		MaxResponseHeaderBytes: maxHeader,
		// What is compressed may unfold to anything.
		DisableCompression: true,
	}
	return c
}

// Close ends the connections that no call uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call is one question.
type Call struct {
	Method string // GET where empty
	Path   string // such as /api/v1/namespaces/x/pods
	Query  url.Values
	Body   any // sent as JSON, unless nil
}

// Do asks, and reads the answer into into, unless that is nil. An answer
// other than 2xx is a *Status.
func (c *Client) Do(ctx context.Context, call Call, into any) error {
	r, err := c.send(ctx, call)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return plain(ctx, err)
	case len(body) > maxBody:
		return fmt.Errorf("%w: over %d bytes", ErrNonsense, maxBody)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", ErrNonsense, err)
	}
	return nil
}

// ErrNonsense is an answer that an API server does not give.
var ErrNonsense = errors.New("the server answers with something else than an API server does")

// send returns an answer that is 2xx, with its body still to be read.
func (c *Client) send(ctx context.Context, call Call) (*http.Response, error) {
	q, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	// Not an http.Client: that one follows redirects, and would carry the
	// token along.
	r, err := c.http.RoundTrip(q)
	if err != nil {
		return nil, plain(ctx, err)
	}
	if r.StatusCode >= 200 && r.StatusCode < 300 {
		return r, nil
	}
	defer r.Body.Close()
	return nil, statusOf(r)
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	u := *c.o.Server
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+call.Path, ""
	u.RawQuery = call.Query.Encode()
	var body io.Reader
	if call.Body != nil {
		text, err := json.Marshal(call.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, call.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/json")
	q.Header.Set("User-Agent", "muster-discovery-k8s")
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.o.Server.Scheme != "https" || c.o.TokenFile == "" {
		return q, nil
	}
	token, err := readToken(c.o.TokenFile)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	return q, nil
}

// plain takes away what net/http says about a context that has ended, so that
// errors.Is finds the context's own error.
func plain(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("%w (%w)", over, err)
	}
	return err
}
