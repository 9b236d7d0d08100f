package pods

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

var (
	theSource = source{service: "muster", port: "cluster"}
	byIPs     = namer{addressType: byIP, namespace: "shop", suffix: "pod.local"}
)

// answerOf is what some EndpointSlices make.
func answerOf(t testing.TB, n namer, texts ...string) discovery.Answer {
	t.Helper()
	l := listing{objects: map[string]object{}}
	for _, text := range texts {
		if err := l.put(theSource.readSlice, json.RawMessage(text)); err != nil {
			t.Fatal(err)
		}
	}
	return n.answer(l.objects, "7")
}

// endpoints are the addresses of all candidates, in their order.
func endpoints(a discovery.Answer) (out []string) {
	for _, c := range a.Candidates {
		for _, e := range c.Endpoints {
			out = append(out, e.String())
		}
	}
	return out
}

// The three ways to write an address, and what is written where a way leads
// nowhere. A name comes before the address that it stands for.
func TestAddressTypes(t *testing.T) {
	const text = `{"metadata":{"name":"s"},"addressType":"IPv4","ports":[{"name":"x","port":1},{"name":"cluster","port":4371},{"port":2}],
		"endpoints":[{"addresses":["10.0.0.1"],"hostname":"muster-0"},{"addresses":["fd00::2"]}]}`
	for _, x := range []struct {
		n    namer
		want []string
		app  string
	}{
		{byIPs, []string{"10.0.0.1:4371", "[fd00::2]:4371"}, ""},
		{namer{byIP, "shop", "pod.local", "muster"}, []string{"10.0.0.1:4371", "[fd00::2]:4371"}, "muster@10.0.0.1"},
		{namer{byDNS, "shop", "pod.local", "m"}, []string{"10-0-0-1.shop.pod.local:4371", "10.0.0.1:4371", "fd00--2.shop.pod.local:4371", "[fd00::2]:4371"}, "m@10-0-0-1.shop.pod.local"},
		{namer{byHostname, "shop", "svc.cluster.local", "m"}, []string{"muster-0.muster.shop.svc.cluster.local:4371", "10.0.0.1:4371", "[fd00::2]:4371"}, "m@muster-0.muster.shop.svc.cluster.local"},
	} {
		a := answerOf(t, x.n, text)
		if diff := cmp.Diff(x.want, endpoints(a)); diff != "" || a.Candidates[0].ClaimedName != x.app {
			t.Errorf("%+v: %q\n%s", x.n, a.Candidates[0].ClaimedName, diff)
		}
		if warned := len(a.Warnings) == 1; warned != (x.n.addressType == byHostname) || a.Completeness != discovery.Complete {
			t.Errorf("%+v: %q", x.n, a.Warnings)
		}
	}
}

// The conditions of an endpoint: none is ready, and one that ends is still told of.
func TestReadiness(t *testing.T) {
	for text, want := range map[string]discovery.Readiness{
		`{}`:                                    discovery.Ready,
		`{"ready":null}`:                        discovery.Ready,
		`{"ready":true,"serving":true}`:         discovery.Ready,
		`{"ready":false}`:                       discovery.NotReady,
		`{"ready":false,"terminating":true}`:    discovery.Terminating,
		`{"ready":true,"terminating":true}`:     discovery.Terminating,
		`{"serving":true,"terminating":null}`:   discovery.Ready,
		`{"ready":false,"serving":true}`:        discovery.NotReady,
		`{"ready":false,"terminating":false}`:   discovery.NotReady,
		`{"serving":false,"terminating":false}`: discovery.Ready,
	} {
		a := answerOf(t, byIPs, `{"metadata":{"name":"s"},"endpoints":[{"addresses":["10.0.0.1"],"conditions":`+text+`}]}`)
		if got := a.Candidates[0].Readiness; got != want {
			t.Errorf("%s is %v, not %v", text, got, want)
		}
	}
}

// A pod of two families is one candidate, and the slice that is behind the
// other does not make it ready.
func TestTwoFamilies(t *testing.T) {
	const form = `{"metadata":{"name":"s%s"},"addressType":"%s","endpoints":[{"addresses":["%s"],"conditions":{"ready":%v},"targetRef":{"kind":"Pod","name":"muster-0","uid":"u"}}]}`
	a := answerOf(t, byIPs, fmt.Sprintf(form, "4", "IPv4", "10.0.0.1", true), fmt.Sprintf(form, "6", "IPv6", "fd00::1", false))
	if len(a.Candidates) != 1 || a.Candidates[0].Readiness != discovery.NotReady || len(endpoints(a)) != 2 || a.Candidates[0].Attributes["pod"] != "muster-0" {
		t.Errorf("%+v", a)
	}
}

// Addresses that are none are told of and left out, with all that is too much.
func TestOddAddresses(t *testing.T) {
	a := answerOf(t, byIPs, `{"metadata":{"name":"a"},"endpoints":[{"addresses":["10.0.0.1","::ffff:10.0.0.1","nonsense","0.0.0.0","224.0.0.1","fe80::1%eth0",""]},{"addresses":[]},{"addresses":null},{}]}`,
		`{"metadata":{"name":"b"},"addressType":"FQDN","endpoints":[{"addresses":["DB.Example.com.","a..b","a/b"]}],"ports":null}`)
	if diff := cmp.Diff([]string{"10.0.0.1:0", "db.example.com:0"}, endpoints(a)); diff != "" {
		t.Error(diff)
	}
	if a.Completeness != discovery.Partial || len(a.Warnings) != 1 {
		t.Errorf("%v %q", a.Completeness, a.Warnings)
	}
}

// However many there are, an answer has a bound and says so.
func TestAnswerIsBounded(t *testing.T) {
	objects := map[string]object{}
	for i := range maxCandidates + 1 {
		objects[fmt.Sprint(i)] = object{members: []member{{uid: fmt.Sprint(i), addresses: []string{"10.0.0.1"}, readiness: discovery.Ready}}}
	}
	if a := byIPs.answer(objects, "1"); len(a.Candidates) != maxCandidates || !a.Truncated || a.Completeness != discovery.Partial {
		t.Errorf("%d, truncated %v", len(a.Candidates), a.Truncated)
	}
	l := listing{objects: map[string]object{}}
	for i := range maxObjects + 1 {
		if err := l.put(theSource.readSlice, fmt.Appendf(nil, `{"metadata":{"name":"s%d"}}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if !l.truncated || len(l.objects) != maxObjects {
		t.Errorf("%d objects, truncated %v", len(l.objects), l.truncated)
	}
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)
	}
	one := map[string]object{"a": {members: []member{{uid: "u", addresses: many}}}, "b": {members: []member{{uid: "u", addresses: many[250:]}}}, "c": {members: []member{{uid: "u", addresses: many[100:]}}}}
	if a := byIPs.answer(one, "1"); len(a.Candidates) != 1 || len(a.Candidates[0].Endpoints) > 2*maxAddresses {
		t.Errorf("%d endpoints", len(a.Candidates[0].Endpoints))
	}
}

// The state that a watch keeps is that of a list, whatever happened in
// between, and an answer depends on nothing but the state.
func TestEventsAreAsGoodAsALists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept := listing{objects: map[string]object{}}
		twin := map[string]string{} // name → text, as the server holds it
		for version := range rapid.IntRange(1, 40).Draw(t, "events") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			_, known := twin[name]
			kind := "ADDED"
			switch gone := rapid.Bool().Draw(t, "gone"); {
			case known && gone:
				kind = "DELETED"
			case known:
				kind = "MODIFIED"
			}
			text := fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":"%d"},"endpoints":[{"addresses":["10.0.0.%d"],"conditions":{"ready":%v}}]}`,
				name, version+1, rapid.IntRange(1, 3).Draw(t, "ip"), rapid.Bool().Draw(t, "ready"))
			if twin[name] = text; kind == "DELETED" {
				delete(twin, name)
			}
			if rapid.Bool().Draw(t, "bookmark") {
				mark := rest.Event{Type: "BOOKMARK", Object: json.RawMessage(`{"metadata":{"resourceVersion":"x"}}`)}
				if changed, err := kept.apply(theSource.readSlice, mark); changed || err != nil || kept.version != "x" {
					t.Fatal(changed, err, kept.version)
				}
			}
			if _, err := kept.apply(theSource.readSlice, rest.Event{Type: kind, Object: json.RawMessage(text)}); err != nil {
				t.Fatal(err)
			}
		}
		fresh := listing{objects: map[string]object{}}
		for _, text := range twin {
			if err := fresh.put(theSource.readSlice, json.RawMessage(text)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(byIPs.answer(fresh.objects, "v"), byIPs.answer(kept.objects, "v")); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzObjects: whatever a server sends as an object is refused, or makes
// candidates that a host takes.
func FuzzObjects(f *testing.F) {
	for _, text := range []string{
		`{"metadata":{"name":"s","resourceVersion":"1"},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"targetRef":{"kind":"Pod","uid":"u"}}],"ports":[{"name":"cluster","port":70000}]}`,
		`{"metadata":{"name":"p","deletionTimestamp":"x"},"status":{"phase":"Running","podIPs":[{"ip":"fd00::1"}],"podIP":"fd00::1","conditions":[{"type":"Ready","status":"True"}]},"spec":{"containers":[{"ports":[{"name":"cluster","containerPort":-1}]}]}}`,
		`{"metadata":{"name":"f"},"addressType":"FQDN","endpoints":[{"addresses":["a.b"]}]}`, `{}`, `null`, `[]`,
	} {
		f.Add([]byte(text), uint8(rand.N(3)))
	}
	f.Fuzz(func(t *testing.T, text []byte, kind uint8) {
		n := namer{[]string{byIP, byDNS, byHostname}[kind%3], "shop", "pod.local", "app"}
		for _, read := range []func(json.RawMessage) (object, error){theSource.readSlice, theSource.readPod} {
			l := listing{objects: map[string]object{}}
			if l.put(read, text) != nil {
				continue
			}
			for _, c := range n.answer(l.objects, "1").Candidates {
				if len(c.Endpoints) == 0 || len(c.Endpoints) > 2*maxAddresses {
					t.Fatalf("%d endpoints", len(c.Endpoints))
				}
				for _, e := range c.Endpoints {
					if len(e.Host) > 253 || e.Host == "" {
						t.Fatalf("host %q", e.Host)
					}
				}
			}
		}
	})
}
