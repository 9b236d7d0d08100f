//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/lab"
	"github.com/muster-mqtt/muster/plugins/mcast/announce"
	"github.com/muster-mqtt/muster/plugins/mcast/internal/mcasttest"
)

// plug starts the strategy on an interface, as the node of that number, whose
// host is what others are to call.
func plug(t *testing.T, number int, host, group, iface string) (*discovery.Client, discovery.Self) {
	t.Helper()
	c := discoverytest.Start(t, announce.Info("1"), announce.New)
	t.Cleanup(func() {
		if err := c.Shutdown(context.Background(), time.Second); err != nil {
			t.Error(err)
		}
	})
	self := discovery.Self{
		NodeUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", number), Incarnation: 1, Name: fmt.Sprintf("n%d@%s", number, host),
		Endpoints: []discovery.Endpoint{{Host: host, Port: uint16(4370 + number)}},
	}
	_, err := c.Configure(t.Context(), discovery.Setup{
		Config: json.RawMessage(fmt.Sprintf(`{"addr":%q,"iface":%q,"ports":[24369]}`, group, iface)),
		Self:   self, ClusterName: suiteCluster, ClusterKey: suiteKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, self
}

func cable(t *testing.T) *mcasttest.Cable {
	t.Helper()
	lab.New(t, 1) // skips where there are no namespaces
	c, err := mcasttest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// register tries until it works: an IPv6 address has to be checked for
// duplicates first.
func register(t *testing.T, c *discovery.Client, self discovery.Self) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		_, err := c.Register(t.Context(), self, time.Minute)
		if err == nil {
			return
		}
		if discovery.ClassOf(err) != discovery.BackendUnavailable || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// meets asks until so many nodes are listed: a node that is there before hears
// of a newcomer at once, the newcomer of it when that has answered.
func meets(t *testing.T, c *discovery.Client, nodes int) discovery.Answer {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		answer, err := c.Discover(t.Context())
		if err == nil && len(answer.Candidates) == nodes {
			return answer
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v; want %d nodes", answer, err, nodes)
		}
	}
}

// Two nodes find each other over IPv6, on one link and in a site; a link-local
// address is reported with the link.
func TestIPv6(t *testing.T) {
	for _, group := range []string{"ff12::4d55", "ff15::4d55"} {
		wire := cable(t)
		a, selfA := plug(t, 1, "fe80::1", group, wire.Name)
		b, selfB := plug(t, 2, "fd00::2", group, wire.Name)
		register(t, a, selfA)
		register(t, b, selfB)
		for _, c := range []*discovery.Client{a, b} {
			answer := meets(t, c, 2)
			if len(answer.Warnings) > 0 {
				t.Fatalf("%s: %+v", group, answer)
			}
			want := []string{"fe80::1%" + wire.Name, "fd00::2"}
			got := []string{answer.Candidates[0].Endpoints[0].Host, answer.Candidates[1].Endpoints[0].Host}
			if !slices.Equal(want, got) {
				t.Errorf("%s: %q, want %q", group, got, want)
			}
		}
	}
}

// A node on two networks is heard on both, and one that is told to use one of
// them on that only.
func TestTwoNetworks(t *testing.T) {
	one, two := cable(t), cable(t)
	const group = "239.77.0.7"
	both, selfBoth := plug(t, 1, "127.0.0.1", group, "0.0.0.0")
	first, selfFirst := plug(t, 2, one.Addr, group, one.Name)
	second, selfSecond := plug(t, 3, two.Addr, group, two.Addr)
	register(t, both, selfBoth)
	register(t, first, selfFirst)
	register(t, second, selfSecond)
	for what, c := range map[string]struct {
		client *discovery.Client
		want   []string
	}{
		"both":   {both, []string{selfBoth.Name, selfFirst.Name, selfSecond.Name}},
		"first":  {first, []string{selfBoth.Name, selfFirst.Name}},
		"second": {second, []string{selfBoth.Name, selfSecond.Name}},
	} {
		answer, err := c.client.Discover(t.Context())
		var names []string
		for _, found := range answer.Candidates {
			names = append(names, found.ClaimedName)
			if host := found.Endpoints[0].Host; !netip.MustParseAddr(host).Is4() || len(found.Endpoints) != 1 {
				t.Errorf("%s: %v", what, found.Endpoints)
			}
		}
		if err != nil || !slices.Equal(names, c.want) {
			t.Errorf("%s hears %q, %v; want %q", what, names, err, c.want)
		}
	}
}
