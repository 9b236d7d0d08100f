package kubetest

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Gate passes calls on to the API server, with whatever token they bring. It
// can name a version in the place of that of a watch which the server has
// forgotten, so that the server itself answers 410.
type Gate struct {
	front   *httptest.Server
	stale   atomic.Bool
	lists   atomic.Int64
	watches atomic.Int64
	spoilt  atomic.Int64
	tokens  atomic.Int64 // calls with a token
	server  *Server
}

// NewGate listens on loopback; with secure it has the certificate of the API
// server.
func (s *Server) NewGate(secure bool) (*Gate, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	g := &Gate{server: s}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	back := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport: back, FlushInterval: -1, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: g.server.addr})
			g.rewrite(r.Out, secure)
		},
	}
	g.front = httptest.NewUnstartedServer(proxy)
	g.front.Config.ErrorLog = quiet
	if !secure {
		g.front.Start()
		return g, nil
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, certFile), filepath.Join(s.dir, keyFile))
	if err != nil {
		return nil, err
	}
	g.front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	g.front.StartTLS()
	return g, nil
}

// rewrite counts a call, and spoils the version of a watch if it is to. A gate
// without TLS calls as the admin, as "kubectl proxy" calls as somebody.
func (g *Gate) rewrite(r *http.Request, secure bool) {
	if r.Header.Get("Authorization") != "" {
		g.tokens.Add(1)
	}
	if !secure {
		r.Header.Set("Authorization", "Bearer "+adminToken)
	}
	query := r.URL.Query()
	switch {
	case r.Method != http.MethodGet || strings.Contains(r.URL.Path, "leases"):
		return
	case query.Get("watch") == "":
		g.lists.Add(1)
		return
	}
	g.watches.Add(1)
	if g.stale.Load() {
		g.spoilt.Add(1)
		query.Set("resourceVersion", "1")
		r.URL.RawQuery = query.Encode()
	}
}

// Stale makes the server answer 410 to every watch from now on, and ends those
// that stand.
func (g *Gate) Stale(on bool) {
	g.stale.Store(on)
	g.front.CloseClientConnections()
}

// Asked is how many lists and watches there were, and how many calls of any
// kind with a token.
func (g *Gate) Asked() (lists, watches, tokens int64) {
	return g.lists.Load(), g.watches.Load(), g.tokens.Load()
}

// Spoilt is how many watches were made to name a version that is forgotten.
func (g *Gate) Spoilt() int64 { return g.spoilt.Load() }

// URL is where the gate listens.
func (g *Gate) URL() string { return g.front.URL }

// Addr is the same without its scheme.
func (g *Gate) Addr() string { return g.front.Listener.Addr().String() }

// Close ends it and everything that goes through it.
func (g *Gate) Close() {
	g.front.CloseClientConnections()
	g.front.Close()
}
