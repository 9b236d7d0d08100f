package admin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve serves h on the socket of a fresh directory and returns that.
func serve(t *testing.T, h http.Handler) (dir string, s *http.Server) {
	t.Helper()
	dir = t.TempDir()
	l, err := ListenUnix(dir)
	if err != nil {
		t.Fatal(err)
	}
	s = NewServer(h, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s is left behind", left[0].Name())
		}
	})
	return dir, s
}

func newClient(t *testing.T, target string) *Client {
	t.Helper()
	c, err := NewClient(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClient(t *testing.T) {
	f := threeNodes()
	dir, _ := serve(t, newHandler(t, options(f, &bytes.Buffer{})))
	c, ctx := newClient(t, filepath.Join(dir, SocketName)), t.Context()

	cluster, err := c.Cluster(ctx)
	if err != nil || cluster.Node != "n1@h" || *cluster.UID != uid(9) || !cluster.Founded.Equal(founded) {
		t.Errorf("cluster: %+v, %v", cluster, err)
	}
	members, err := c.Members(ctx)
	if err != nil || len(members.Members) != 3 || members.Members[0].Name != "n1@h" {
		t.Errorf("members: %+v, %v", members, err)
	}
	routes, err := c.RoutesOf(ctx, "a/b", 1)
	if want := (Routes{Routes: []Route{{"a/#", "n1@h"}}, Total: 2}); err != nil || !cmp.Equal(routes, want) {
		t.Errorf("routes of a/b: %+v, %v", routes, err)
	}
	if routes, err = c.Routes(ctx, 0); err != nil || len(routes.Routes) != 3 {
		t.Errorf("routes: %+v, %v", routes, err)
	}
	if plugins, err := c.Plugins(ctx); err != nil || plugins.Plugins == nil {
		t.Errorf("plugins: %+v, %v", plugins, err)
	}
	if n, err := c.Merge(ctx, []string{"a", "b"}); err != nil || n != 2 {
		t.Errorf("merge: %d, %v", n, err)
	}
	for _, do := range []func() (Cluster, error){
		func() (Cluster, error) { return c.Join(ctx, "n2@h") },
		func() (Cluster, error) { return c.Leave(ctx) },
		func() (Cluster, error) { return c.ForceLeave(ctx, "n@[fe80::1]") },
	} {
		if got, err := do(); err != nil || !cmp.Equal(got, cluster) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if want := "merge a b; join n2@h; leave; force-leave n@[fe80::1]"; f.told() != want {
		t.Errorf("the node was asked to %s", f.told())
	}
}

func TestClientRefused(t *testing.T) {
	f := threeNodes()
	f.refuse = errRefused
	dir, _ := serve(t, newHandler(t, options(f, &bytes.Buffer{})))
	_, err := newClient(t, "unix:"+filepath.Join(dir, SocketName)).Leave(t.Context())
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 409 || strings.Contains(refused.Text, "\n") {
		t.Errorf("%v", err)
	}
}

func TestClientReady(t *testing.T) {
	o, why := options(threeNodes(), &bytes.Buffer{}), ""
	o.Unready = func() string { return why }
	dir, _ := serve(t, newHandler(t, o))
	c := newClient(t, filepath.Join(dir, SocketName))
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	why = "routes are on their way"
	var refused *RefusedError
	if err := c.Ready(t.Context()); !errors.As(err, &refused) || refused.Text != why {
		t.Errorf("not ready: %v", err)
	}
}

// TestClientStop checks that Stop returns when the node is gone, not before,
// and gets its answer even from one that ends at once.
func TestClientStop(t *testing.T) {
	for name, end := range map[string]func(*http.Server){
		"at once": func(s *http.Server) { _ = s.Close() },
		"later":   func(s *http.Server) { go func() { _ = s.Shutdown(context.Background()) }() },
	} {
		o := options(threeNodes(), &bytes.Buffer{})
		server := make(chan *http.Server, 1)
		o.Stop = func() { end(<-server) }
		dir, s := serve(t, newHandler(t, o))
		server <- s
		if err := newClient(t, filepath.Join(dir, SocketName)).Stop(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, SocketName)); err == nil {
			t.Errorf("%s: the socket is still there", name)
		}
	}
}

// overdue is a context whose deadline is the moment when over is closed.
type overdue struct {
	context.Context
	over chan struct{}
}

var _ context.Context = overdue{}

func (o overdue) Done() <-chan struct{} { return o.over }

func (o overdue) Err() error {
	select {
	case <-o.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestClientStopGivesUp has a node that never ends: the client's time is over
// when it has asked whether it lives on.
func TestClientStopGivesUp(t *testing.T) {
	h, ctx := newHandler(t, options(threeNodes(), &bytes.Buffer{})), overdue{t.Context(), make(chan struct{})}
	var asked sync.Once
	dir, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.URL.Path == "/health/live" {
			asked.Do(func() { close(ctx.over) })
		}
	}))
	err := newClient(t, filepath.Join(dir, SocketName)).Stop(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "has not ended yet") {
		t.Errorf("%v", err)
	}
}

func TestClientNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	_, err := newClient(t, path).Cluster(t.Context())
	if !errors.Is(err, ErrNoNode) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestClientTarget(t *testing.T) {
	for target, ok := range map[string]bool{
		"": false, "/run/muster.sock": true, "data/muster.sock": true, "unix:/run/muster.sock": true, "unix:///run/muster.sock": true,
		"http://127.0.0.1:18083": true, "https://h/": true, "ftp://h": false, "http://": false, "unix:ftp://h": false,
	} {
		if _, err := NewClient(target); (err == nil) != ok {
			t.Errorf("%q: %v", target, err)
		}
	}
	for target, want := range map[string]string{"unix:/a/b": "/a/b", "unix:///a/b": "/a/b", "unix:a": "a", "a/b": "a/b"} {
		if got := socketPath(target); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

// TestClientForeign asks servers that are not ours.
func TestClientForeign(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"an error page", 500, "<html>", "answers 500 Internal Server Error: is it a node of ours?"},
		{"a redirect", 302, "", "answers 302 Found: is it a node of ours?"},
		{"no JSON", 200, "<html>", "is not one of ours"},
		{"another JSON", 200, `{"running_nodes": 3}`, "is not one of ours"},
	}
	for _, c := range tests {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		client := newClient(t, s.URL)
		if _, err := client.Cluster(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		client.Close()
		s.Close()
	}
}

// FuzzDecode feeds the client any answer.
func FuzzDecode(f *testing.F) {
	f.Add(200, []byte(statusJSON))
	f.Add(409, []byte(`{"error":"no"}`))
	f.Add(200, []byte(`{"uid":"x"}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		var out Cluster
		err := (&Client{at: "here"}).decode(&http.Response{StatusCode: status}, raw, &out)
		if (status/100 == 2) && err == nil && len(raw) == 0 {
			t.Error("nothing was read as a cluster")
		}
		if status/100 != 2 && (err == nil || err.Error() == "") {
			t.Errorf("%d: %v", status, err)
		}
	})
}
