package records

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/discovery/discoverytest/dnsmasq"
)

// What we understand is DNS, and not just what our own test server speaks.
func TestDnsmasq(t *testing.T) {
	records := []string{"--host-record=n1.x,10.0.0.1,fd00::1", "--host-record=n2.x,10.0.0.2", "--cname=a.x,n1.x",
		"--srv-host=_m._tcp.x,n1.x,4371", "--srv-host=_m._tcp.x,n2.x,4372", "--txt-record=here.x,text"}
	for i := range 200 {
		records = append(records, fmt.Sprintf("--host-record=many.x,10.1.0.%d", i+1))
	}
	name := dnsmasq.New(t)
	name.Start("x", append(records, "--local-ttl=7")...)
	server := name.Addr()
	c := discoverytest.Start(t, Info("1"), New)
	for _, q := range []struct {
		keys string
		want string
		of   discovery.Class
	}{
		{`"name":"n1.x"`, "10.0.0.1:0,[fd00::1]:0", 0},
		{`"name":"a.x"`, "10.0.0.1:0,[fd00::1]:0", 0},
		{`"name":"_m._tcp.x","record_type":"srv"`, "10.0.0.1:4371,[fd00::1]:4371\n10.0.0.2:4372", 0},
		{`"name":"n2.x","record_type":"aaaa"`, "", 0},
		{`"name":"here.x"`, "", 0},
		{`"name":"no.x"`, "", discovery.SourceNotFound},
		{`"name":"elsewhere.y"`, "", discovery.Auth},
	} {
		if _, err := c.Configure(t.Context(), setup(fmt.Sprintf(`{"server":%q,%s}`, server, q.keys))); err != nil {
			t.Fatal(err)
		}
		a, err := c.Discover(t.Context())
		if discovery.ClassOf(err) != q.of || shown(a) != q.want {
			t.Errorf("%s: %q, %v", q.keys, shown(a), err)
		}
		if q.want != "" && (a.NextPoll != 7*time.Second || a.Completeness != discovery.Complete) {
			t.Errorf("%s: next in %v, %v, %q", q.keys, a.NextPoll, a.Completeness, a.Warnings)
		}
	}
	if _, err := c.Configure(t.Context(), setup(fmt.Sprintf(`{"server":%q,"name":"many.x"}`, server))); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Discover(t.Context()); err != nil || len(a.Candidates) != 200 {
		t.Errorf("%d of 200 addresses, %v", len(a.Candidates), err)
	}
}
