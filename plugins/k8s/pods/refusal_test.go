package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// server answers the calls on the collection by list, and watches by watch;
// all that is about rights is granted.
func server(t *testing.T, list, watch http.HandlerFunc) *discovery.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "selfsubjectaccessreviews"):
			_, _ = io.WriteString(w, `{"kind":"SelfSubjectAccessReview","status":{"allowed":true}}`)
		case r.URL.Query().Get("watch") != "":
			watch(w, r)
		default:
			list(w, r)
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	c, _ := configured(t, json.RawMessage(fmt.Sprintf(`{"apiserver":%q,"namespace":"shop"}`, s.URL)))
	return c
}

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const aList = `{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"s","resourceVersion":"4"},"endpoints":[{"addresses":["10.0.0.1"]}]}]}`

// Each refusal has its class, and none is an empty list.
func TestRefusals(t *testing.T) {
	refusal := func(code int, reason string) string {
		return fmt.Sprintf(`{"kind":"Status","code":%d,"reason":%q,"message":"because of %s","details":{"retryAfterSeconds":7}}`, code, reason, reason)
	}
	for _, x := range []struct {
		name string
		list http.HandlerFunc
		want discovery.Class
		says string
	}{
		{"401", text(401, refusal(401, "Unauthorized")), discovery.Auth, "token"},
		{"403", text(403, refusal(403, "Forbidden")), discovery.Auth, "may not list endpointslices (discovery.k8s.io) in the namespace shop"},
		{"403 in words", text(403, "<html>\x00go away"), discovery.Auth, "go away"},
		{"404", text(404, refusal(404, "NotFound")), discovery.SourceNotFound, "1.21"},
		{"no slices", text(200, `{"metadata":{"resourceVersion":"1"},"items":[]}`), discovery.SourceNotFound, "no service muster"},
		{"410 for ever", text(410, refusal(410, "Expired")), discovery.BackendUnavailable, "410"},
		{"429", text(429, refusal(429, "TooManyRequests")), discovery.RateLimited, "429"},
		{"500", text(500, refusal(500, "InternalError")), discovery.BackendUnavailable, "because of InternalError"},
		{"503", text(503, ""), discovery.BackendUnavailable, "Service Unavailable"},
		{"504", text(504, refusal(504, "Timeout")), discovery.Timeout, ""},
		{"a page of a proxy", text(200, "<html>hello</html>"), discovery.BackendUnavailable, "something else"},
		{"no version", text(200, `{"items":[]}`), discovery.BackendUnavailable, "version"},
		{"another list", text(200, `{"metadata":{"resourceVersion":"1"},"items":[{"a":1}]}`), discovery.BackendUnavailable, "not of its kind"},
		{"a list of words", text(200, `{"metadata":{"resourceVersion":"1"},"items":["a"]}`), discovery.BackendUnavailable, "EndpointSlice"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, discovery.BackendUnavailable, "302"},
		{"pages without end", text(200, `{"metadata":{"resourceVersion":"1","continue":"x"},"items":[]}`), discovery.BackendUnavailable, "empty page"},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			for range 20 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, discovery.BackendUnavailable, "over"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, aList)
		}, discovery.BackendUnavailable, "EOF"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := server(t, x.list, text(500, ""))
			_, err := c.Discover(t.Context())
			if discovery.ClassOf(err) != x.want || !strings.Contains(fmt.Sprint(err), x.says) {
				t.Errorf("%v: %v", discovery.ClassOf(err), err)
			}
			var e *discovery.Error
			if errors.As(err, &e) && e.Class == discovery.RateLimited && e.RetryAfter != 7*time.Second {
				t.Errorf("to be asked again after %v", e.RetryAfter)
			}
			if h, err := c.Health(t.Context()); err != nil || h.LastError == nil || (h.Backend == discovery.BackendOK) != (x.want == discovery.SourceNotFound) {
				t.Errorf("Health says %+v, %v", h, err)
			}
		})
	}
}

// A list whose version the server forgets between two pages begins anew.
func TestListBeginsAnew(t *testing.T) {
	var calls atomic.Int64
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch n := calls.Add(1); {
		case n == 2:
			text(410, `{"kind":"Status","reason":"Expired"}`)(w, r)
		case n == 1:
			text(200, strings.Replace(aList, `"5"`, `"5","continue":"more"`, 1))(w, r)
		case r.URL.Query().Get("continue") != "":
			text(400, "the second list goes on from the first")(w, r)
		default:
			text(200, aList)(w, r)
		}
	}, text(500, ""))
	if a := discover(t, c); len(a.Candidates) != 1 {
		t.Errorf("%+v", a)
	}
}

// Each way for a watch to go wrong ends it with its class, or, after 410, with
// a resync.
func TestBrokenWatches(t *testing.T) {
	event := func(kind, object string) string { return `{"type":"` + kind + `","object":` + object + "}\n" }
	good := event("MODIFIED", `{"metadata":{"name":"s","resourceVersion":"6"},"endpoints":[]}`)
	for _, x := range []struct {
		name  string
		watch http.HandlerFunc
		want  discovery.Class
	}{
		{"401", text(401, ""), discovery.Auth},
		{"403", text(403, ""), discovery.Auth},
		{"500", text(500, ""), discovery.BackendUnavailable},
		{"429", text(429, ""), discovery.RateLimited},
		{"an error among the events", text(200, good+event("ERROR", `{"kind":"Status","code":500,"message":"x"}`)), discovery.BackendUnavailable},
		{"an error of another kind", text(200, event("ERROR", `"x"`)), discovery.BackendUnavailable},
		{"an event of another kind", text(200, event("SHOUTED", `{}`)), discovery.BackendUnavailable},
		{"an object of another kind", text(200, event("ADDED", `[]`)), discovery.BackendUnavailable},
		{"no version", text(200, event("BOOKMARK", `{}`)), discovery.BackendUnavailable},
		{"a page", text(200, "<html>"), discovery.BackendUnavailable},
		{"half an event", text(200, good[:20]), discovery.BackendUnavailable},
		{"an endless event", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"type":"`)
			for range 6 {
				_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
			}
		}, discovery.BackendUnavailable},
		{"the service is gone", text(200, event("DELETED", `{"metadata":{"name":"s","resourceVersion":"6"}}`)), discovery.SourceNotFound},
	} {
		t.Run(x.name, func(t *testing.T) {
			watching(t, server(t, text(200, aList), x.watch)).ends(x.want)
		})
	}
	for name, watch := range map[string]http.HandlerFunc{
		"410 at once":    text(410, `{"kind":"Status","reason":"Expired"}`),
		"410 in between": text(200, good+event("ERROR", `{"kind":"Status","code":410,"reason":"Gone"}`)),
		"Expired":        text(200, event("ERROR", `{"kind":"Status","code":500,"reason":"Expired"}`)),
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, server(t, text(200, aList), watch)).until("the resync", func(ev discovery.Event) bool { return ev.Resync != "" })
		})
	}
}

// A server that ends every watch at once is not asked without a pause.
func TestNoHurry(t *testing.T) {
	var calls atomic.Int64
	began := time.Now()
	w := watching(t, server(t, text(200, aList), func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusOK)
	}))
	w.snapshot("the list", "10.0.0.1:0 ready")
	tick, late := every(t)
	for calls.Load() < 3 {
		select {
		case <-tick:
		case <-late:
			t.Fatal("the watch is not opened again")
		}
	}
	if took := time.Since(began); took < 2*watchGap {
		t.Errorf("three watches within %v", took)
	}
}

// A call that its caller gives up ends at once and says nothing of the server.
func TestCancelled(t *testing.T) {
	asked, free := make(chan bool), make(chan bool)
	c := server(t, func(_ http.ResponseWriter, _ *http.Request) { asked <- true; <-free }, text(500, ""))
	defer close(free)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Discover(ctx); discovery.ClassOf(err) != discovery.NoClass || err == nil {
		t.Error(err)
	}
	if h, err := c.Health(t.Context()); err != nil || h.LastError != nil {
		t.Errorf("%+v, %v", h, err)
	}
}

// Words for the errors that have no status.
func TestClassify(t *testing.T) {
	a := asking{right: right{"list", "", "pods"}, namespace: "shop"}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, x := range []struct {
		ctx  context.Context
		err  error
		want discovery.Class
	}{
		{t.Context(), nil, discovery.NoClass},
		{over, errors.New("x"), discovery.NoClass},
		{t.Context(), context.DeadlineExceeded, discovery.Timeout},
		{t.Context(), rest.ErrSilent, discovery.Timeout},
		{t.Context(), fmt.Errorf("x: %w", rest.ErrToken), discovery.Auth},
		{t.Context(), rest.ErrNonsense, discovery.BackendUnavailable},
		{t.Context(), discovery.Errorf(discovery.Conflict, "x"), discovery.Conflict},
		{t.Context(), &rest.Status{Code: 422}, discovery.ConfigInvalid},
	} {
		if got := discovery.ClassOf(a.classify(x.ctx, x.err)); got != x.want {
			t.Errorf("%v is %v, not %v", x.err, got, x.want)
		}
	}
	if got := a.right.String(); got != "list pods (core)" {
		t.Error(got)
	}
}
