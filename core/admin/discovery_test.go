package admin

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

// fakeStrategies are two: dns works, etcd refuses everything.
type fakeStrategies struct{ asked []string }

var _ Strategies = (*fakeStrategies)(nil)

func (f *fakeStrategies) List(context.Context) []Strategy {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	return []Strategy{
		{Name: "etcd", State: "ready", Capabilities: []string{"watch", "claim"}, Backend: "down", Registration: "lost",
			LastError: "no", ErrorClass: "AUTH", LastErrorAt: &at},
		{Name: "dns", State: "ready", Capabilities: []string{}, Candidates: 2, LastAnswer: &at, Backend: "ok", Registration: "none"},
	}
}

func (f *fakeStrategies) do(what, strategy string) error {
	f.asked = append(f.asked, what+" "+strategy)
	if strategy == "etcd" {
		return errors.New("strategy etcd: AUTH: no")
	}
	return nil
}

func (f *fakeStrategies) Test(_ context.Context, strategy string) (DiscoveryTest, error) {
	return DiscoveryTest{Strategy: strategy, Took: 3, Complete: true}, f.do("test", strategy)
}

func (f *fakeStrategies) Switch(strategy string, on bool) error {
	if on {
		return f.do("enable", strategy)
	}
	return f.do("disable", strategy)
}

func (f *fakeStrategies) Unclaim(context.Context) (string, error) {
	return "", f.do("unclaim", "etcd")
}

func TestDiscovery(t *testing.T) {
	o := options(threeNodes(), &bytes.Buffer{})
	f := &fakeStrategies{}
	o.Strategies = f
	h := newHandler(t, o)
	unknown := `{"error":"\"x\" is no discovery strategy of this node: see ` + "`muster discovery status`" + `"}`
	checkCalls(t, h, []callCase{
		{"GET", "/v1/discovery", "", 200, `{"strategies":[` +
			`{"strategy":"dns","state":"ready","capabilities":[],"watching":false,"candidates":2,` +
			`"last_answer":"2026-11-01T12:00:00Z","backend":"ok","registration":"none"},` +
			`{"strategy":"etcd","state":"ready","capabilities":["watch","claim"],"watching":false,"candidates":0,` +
			`"last_error":"no","last_error_class":"AUTH","last_error_at":"2026-11-01T12:00:00Z","backend":"down","registration":"lost"}]}`},
		{"POST", "/v1/discovery/dns/test", "{}", 200, `{"strategy":"dns","took_ms":3,"complete":true,"truncated":false,"candidates":[]}`},
		{"POST", "/v1/discovery/etcd/test", "{}", 409, `{"error":"strategy etcd: AUTH: no"}`},
		{"POST", "/v1/discovery/x/test", "{}", 404, unknown},
		{"POST", "/v1/discovery/dns/enable", "{}", 200, `{"strategy":"dns"}`},
		{"POST", "/v1/discovery/dns/disable", "{}", 200, `{"strategy":"dns"}`},
		{"POST", "/v1/discovery/etcd/disable", "{}", 409, `{"error":"strategy etcd: AUTH: no"}`},
		{"POST", "/v1/discovery/x/enable", "{}", 404, unknown},
		{"POST", "/v1/discovery/unclaim", "{}", 409, `{"error":"strategy etcd: AUTH: no"}`},
		{"GET", "/v1/discovery/dns/test", "", 405, `{"error":"/v1/discovery/dns/test answers POST only"}`},
	})
	if len(f.asked) != 6 {
		t.Errorf("asked %q", f.asked)
	}
}

func TestNoStrategies(t *testing.T) {
	h := newHandler(t, options(threeNodes(), &bytes.Buffer{}))
	checkCalls(t, h, []callCase{
		{"GET", "/v1/discovery", "", 200, `{"strategies":[]}`},
		{"POST", "/v1/discovery/unclaim", "{}", 409, `{"error":"this node has no discovery strategy"}`},
	})
}
