package admin

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

// call sends one request to h and returns the status and the body.
func call(h http.Handler, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

const statusJSON = `{"node":"n1@h","cluster":"mustercl","formed":true,"uid":"00000000-0000-4000-8000-000000000009",` +
	`"claimed":false,"founded":"2026-11-01T12:00:00Z","running_nodes":["n1@h"],"stopped_nodes":["n2@h","n3@h"]}`

const memberJSON = `{"name":"n2@h","uid":"00000000-0000-4000-8000-000000000002","incarnation":2,"address":"h:4372",` +
	`"status":"failed","role":"core","build":"v1","protocol":1,"datacenter":"dc1","joined":"2026-11-01T12:00:00Z",` +
	`"since":"2026-11-01T12:01:00Z"}`

type callCase struct {
	method, path, body string
	status             int
	want               string
}

func checkCalls(t *testing.T, h http.Handler, cases []callCase) {
	t.Helper()
	for _, c := range cases {
		status, got := call(h, c.method, c.path, c.body)
		if status != c.status {
			t.Errorf("%s %s: status %d, want %d: %s", c.method, c.path, status, c.status, got)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.method, c.path, diff)
		}
	}
}

func TestReads(t *testing.T) {
	o := options(threeNodes(), &bytes.Buffer{})
	o.Plugins = func() []Plugin {
		return []Plugin{{Strategy: "mcast", State: "backing off", LastError: "exit status 1"}, {Strategy: "dns", PID: 7, Version: "v1", State: "running", Restarts: 2}}
	}
	h := newHandler(t, o)
	all := `{"filter":"a/#","node":"n1@h"},{"filter":"a/b","node":"n2@h"},{"filter":"c","node":"n1@h"}`
	checkCalls(t, h, []callCase{
		{"GET", "/v1/cluster", "", 200, statusJSON},
		{"GET", "/v1/members/n2@h", "", 200, memberJSON},
		{"GET", "/v1/members/n2%40h", "", 200, memberJSON},
		{"GET", "/v1/members/n9@h", "", 404, `{"error":"\"n9@h\" is not a member of this cluster: see ` + "`muster members`" + `"}`},
		{"GET", "/v1/routes", "", 200, `{"routes":[` + all + `],"total":3}`},
		{"GET", "/v1/routes?limit=1", "", 200, `{"routes":[{"filter":"a/#","node":"n1@h"}],"total":3}`},
		{"GET", "/v1/routes?topic=c", "", 200, `{"routes":[{"filter":"c","node":"n1@h"}],"total":1}`},
		{"GET", "/v1/routes?topic=x", "", 200, `{"routes":[],"total":0}`},
		{"GET", "/v1/routes?topic=a/%23", "", 400, `{"error":"topic \"a/#\": wildcard where none is allowed"}`},
		{"GET", "/v1/routes?topic=", "", 400, `{"error":"topic \"\": empty topic or filter"}`},
		{"GET", "/v1/routes?limit=0", "", 400, `{"error":"limit \"0\": not a number from 1 to 100000"}`},
		{"GET", "/v1/routes?topc=c", "", 400, `{"error":"unknown query parameter \"topc\": there are topic, limit"}`},
		{"GET", "/v1/routes?topic=a&topic=b", "", 400, `{"error":"query parameter topic is given twice"}`},
		{"GET", "/v1/members?wait=1s", "", 400, `{"error":"unknown query parameter \"wait\": there are none here"}`},
		{"GET", "/v1/cluster?%zz", "", 400, `{"error":"query: invalid URL escape \"%zz\""}`},
		{"GET", "/v1/plugins", "", 200, `{"plugins":[{"strategy":"dns","pid":7,"version":"v1","state":"running","restarts":2,"log_lines_dropped":0},` +
			`{"strategy":"mcast","pid":0,"version":"","state":"backing off","restarts":0,"last_error":"exit status 1","log_lines_dropped":0}]}`},
		{"GET", "/health/live", "", 200, `{"status":"live"}`},
		{"GET", "/health/ready", "", 200, `{"status":"ready"}`},
		{"GET", "/v1/nothing", "", 404, `{"error":"nothing is at /v1/nothing"}`},
		{"GET", "/", "", 404, `{"error":"nothing is at /"}`},
		{"POST", "/v1/cluster", "", 405, `{"error":"/v1/cluster answers GET only"}`},
		{"GET", "/v1/cluster/join", "", 405, `{"error":"/v1/cluster/join answers POST only"}`},
		{"DELETE", "/metrics", "", 405, `{"error":"/metrics answers GET only"}`},
	})
	_, members := call(h, "GET", "/v1/members", "")
	if !strings.HasPrefix(members, `{"members":[{"name":"n1@h",`) || strings.Index(members, memberJSON) > strings.Index(members, "n3@h") {
		t.Errorf("members: %s", members)
	}
}

func TestWrites(t *testing.T) {
	f := threeNodes()
	h := newHandler(t, options(f, &bytes.Buffer{}))
	checkCalls(t, h, []callCase{
		{"POST", "/v1/cluster/join", `{"node":"n2@h:4372"}`, 200, statusJSON},
		{"POST", "/v1/cluster/merge", `{"addresses":["h1","[fe80::1]:4370"]}`, 200, `{"contacted":2}`},
		{"POST", "/v1/cluster/leave", "", 200, statusJSON},
		{"POST", "/v1/cluster/leave", " {} ", 200, statusJSON},
		{"POST", "/v1/members/n2@h/force-leave", "{}", 200, statusJSON},
		{"POST", "/v1/node/stop", "", 202, `{"status":"stopping"}`},
	})
	if want := "join n2@h:4372; merge h1 [fe80::1]:4370; leave; leave; force-leave n2@h; stop"; f.told() != want {
		t.Errorf("the node was asked to %s", f.told())
	}
}

func TestWritesRefused(t *testing.T) {
	f := threeNodes()
	f.refuse = errRefused
	h := newHandler(t, options(f, &bytes.Buffer{}))
	refused := `{"error":"n9@h refused the connection:; is the node running?"}`
	checkCalls(t, h, []callCase{
		{"POST", "/v1/cluster/join", `{"node":"n9@h"}`, 409, refused},
		{"POST", "/v1/cluster/merge", `{"addresses":["n9@h"]}`, 409, refused},
		{"POST", "/v1/cluster/leave", "", 409, refused},
		{"POST", "/v1/members/n9@h/force-leave", "", 409, refused},
	})
}

func TestWritesMalformed(t *testing.T) {
	f := threeNodes()
	h := newHandler(t, options(f, &bytes.Buffer{}))
	many := `{"addresses":["a"` + strings.Repeat(`,"a"`, 64) + `]}`
	checkCalls(t, h, []callCase{
		{"POST", "/v1/cluster/join", "", 400, `{"error":"node: empty: give name@host[:port] or host[:port]"}`},
		{"POST", "/v1/cluster/join", `{"node":"a b"}`, 400, `{"error":"node: \"a b\" holds blanks or control characters"}`},
		{"POST", "/v1/cluster/join", `{"node":"a\u001b[0m"}`, 400, `{"error":"node: \"a\\x1b[0m\" holds blanks or control characters"}`},
		{"POST", "/v1/cluster/join", `{"node":"` + strings.Repeat("a", 513) + `"}`, 400, `{"error":"node: longer than 512 bytes"}`},
		{"POST", "/v1/cluster/join", `{"nod":"a"}`, 400, `{"error":"body: unknown field \"nod\""}`},
		{"POST", "/v1/cluster/join", `{"node":1}`, 400, `{"error":"body, node: a number where a string belongs"}`},
		{"POST", "/v1/cluster/join", `{"node":"a"} {}`, 400, `{"error":"body: more than one value"}`},
		{"POST", "/v1/cluster/join", `{"node":"a"`, 400, `{"error":"body: it ends in the middle of a value"}`},
		{"POST", "/v1/cluster/join", `{"node":"` + strings.Repeat("a", maxBody) + `"}`, 413, `{"error":"body longer than 65536 bytes"}`},
		{"POST", "/v1/cluster/merge", "{}", 400, `{"error":"addresses: give 1 to 64"}`},
		{"POST", "/v1/cluster/merge", many, 400, `{"error":"addresses: give 1 to 64"}`},
		{"POST", "/v1/cluster/merge", `{"addresses":["a",""]}`, 400, `{"error":"addresses[1]: empty: give name@host[:port] or host[:port]"}`},
		{"POST", "/v1/members/n2/force-leave", "", 400, `{"error":"\"n2\": not a node name of the form name@host"}`},
		{"POST", "/v1/node/stop?now=1", "", 400, `{"error":"unknown query parameter \"now\": there are none here"}`},
		{"POST", "/v1/node/stop", "now", 400, `{"error":"body, byte 2: invalid character 'o' in literal null (expecting 'u')"}`},
	})
	if f.told() != "" {
		t.Errorf("the node was asked to %s", f.told())
	}
}

func TestUnformed(t *testing.T) {
	h := newHandler(t, options(&fakeNode{}, &bytes.Buffer{}))
	checkCalls(t, h, []callCase{
		{"GET", "/v1/cluster", "", 200, `{"node":"n1@h","cluster":"mustercl","formed":false,"claimed":false,"running_nodes":[],"stopped_nodes":[]}`},
		{"GET", "/v1/members", "", 200, `{"members":[]}`},
		{"GET", "/v1/plugins", "", 200, `{"plugins":[]}`},
		{"GET", "/health/live", "", 200, `{"status":"live"}`},
		{"GET", "/health/ready", "", 503, `{"status":"unready","reason":"the node is in no cluster yet"}`},
	})
	o := options(threeNodes(), &bytes.Buffer{})
	o.Unready = func() string { return "the routes of n2@h are still on their way" }
	checkCalls(t, newHandler(t, o), []callCase{
		{"GET", "/health/ready", "", 503, `{"status":"unready","reason":"the routes of n2@h are still on their way"}`},
	})
}

// The answering node's certificate for other nodes is told where there is one.
func TestCertificate(t *testing.T) {
	o := options(&fakeNode{}, &bytes.Buffer{})
	ends, problem := time.Time{}, ""
	o.Certificate = func() (time.Time, string) { return ends, problem }
	h := newHandler(t, o)
	const without = `{"node":"n1@h","cluster":"mustercl","formed":false,"claimed":false,"running_nodes":[],"stopped_nodes":[]}`
	checkCalls(t, h, []callCase{{"GET", "/v1/cluster", "", 200, without}})
	ends = time.Date(2027, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	with := strings.TrimSuffix(without, "}") + `,"certificate_ends":"2027-01-02T02:04:05Z"`
	checkCalls(t, h, []callCase{{"GET", "/v1/cluster", "", 200, with + "}"}})
	problem = "it names another host"
	checkCalls(t, h, []callCase{{"GET", "/v1/cluster", "", 200, with + `,"certificate_problem":"it names another host"}`}})
}

func TestSortNodes(t *testing.T) {
	m := func(name core.NodeID, s core.MemberState) core.Member { return core.Member{Name: name, State: s} }
	running, stopped := sortNodes([]core.Member{
		m("e@h", core.Leaving), m("d@h", core.Suspect), m("b@h", core.Failed), m("a@h", core.Left), m("c@h", core.Alive),
		m("c@h", core.Failed), m("b@h", core.Left),
	})
	if diff := cmp.Diff([]core.NodeID{"c@h", "d@h", "e@h"}, running); diff != "" {
		t.Errorf("running:\n%s", diff)
	}
	if diff := cmp.Diff([]core.NodeID{"a@h", "b@h"}, stopped); diff != "" {
		t.Errorf("stopped:\n%s", diff)
	}
}

// TestTooManyRequests fills every slot with requests that wait.
func TestTooManyRequests(t *testing.T) {
	f := threeNodes()
	f.block = make(chan struct{})
	h := newHandler(t, options(f, &bytes.Buffer{}))
	a := make(chan int)
	for range maxRequests + 1 {
		go func() {
			status, _ := call(h, "POST", "/v1/cluster/leave", "")
			a <- status
		}()
	}
	if got := <-a; got != http.StatusServiceUnavailable {
		t.Errorf("the first to be answered: %d", got)
	}
	close(f.block)
	for range maxRequests {
		if got := <-a; got != http.StatusOK {
			t.Errorf("one that waited: %d", got)
		}
	}
	_, metrics := call(h, "GET", "/metrics", "")
	if !strings.Contains(metrics, `muster_admin_requests_refused_total{reason="too_many"} 1`) {
		t.Errorf("metrics:\n%s", metrics)
	}
}

func TestMetrics(t *testing.T) {
	o := options(threeNodes(), &bytes.Buffer{})
	o.Counters = func() []core.Count {
		return []core.Count{
			{Name: "links", Value: 2},
			{Name: "messages_dropped_total", Reason: "lane_full", Value: 3},
			{Name: "messages_dropped_total", Value: 1},
			{Name: "messages_dropped_total", Reason: "lane_full", Value: 4},
			{Name: "messages_dropped_total", Reason: "peer_gone", Value: 1 << 60},
		}
	}
	status, got := call(newHandler(t, o), "GET", "/metrics", "")
	want := `# HELP muster_admin_requests_refused_total admin requests refused.
# TYPE muster_admin_requests_refused_total counter
muster_admin_requests_refused_total{reason="too_many"} 0
# HELP muster_links links.
# TYPE muster_links gauge
muster_links 2
# HELP muster_messages_dropped_total messages dropped.
# TYPE muster_messages_dropped_total counter
muster_messages_dropped_total 1
muster_messages_dropped_total{reason="lane_full"} 7
muster_messages_dropped_total{reason="peer_gone"} 1.152921504606847e+18`
	if diff := cmp.Diff(want, got); status != 200 || diff != "" {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
}

// TestMetricsBadName checks that one count with a bad name costs that count.
func TestMetricsBadName(t *testing.T) {
	var log bytes.Buffer
	o := options(threeNodes(), &log)
	o.Counters = func() []core.Count {
		return []core.Count{{Name: "good_total", Value: 1}, {Name: "bad\xff", Value: 1}}
	}
	_, got := call(newHandler(t, o), "GET", "/metrics", "")
	if !strings.Contains(got, "muster_good_total 1") || !strings.Contains(log.String(), "bad") {
		t.Errorf("metrics:\n%s\nlog:\n%s", got, &log)
	}
}

func TestNewIncomplete(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no error without a Viewer")
	}
}
