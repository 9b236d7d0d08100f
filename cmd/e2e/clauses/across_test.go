package clauses

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// TestAcross plays scenes on a cluster of two nodes, each connection at the
// other node than the one before: what holds at one node holds across them.
func TestAcross(t *testing.T) {
	t.Parallel()
	nodes := pair(t)
	actOn(t, nodes, cast{both, []scene{
		{"takeover", takeover},
		{"qos-matrix", qosMatrix},
		{"any-payload", anyPayload},
		{"dup-is-not-passed-on", dupIsNotPassedOn},
		{"qos-2-duplicate", qos2Duplicate},
		{"same-identifier-again", sameIdentifierAgain},
		{"messages-in-order", messagesInOrder},
		{"both-directions", bothDirections},
		{"matching", matching},
		{"no-normalization", noNormalization},
		{"overlapping", overlapping},
		{"unsubscribe", unsubscribeStops},
		{"retain-stored", retainStored},
		{"retain-replaced", retainReplaced},
		{"retain-cleared", retainCleared},
		{"retain-plain-message", retainPlain},
		{"retain-established", retainEstablished},
		{"retain-wildcards", retainWildcards},
		{"retain-outlives-the-publisher", retainOutlives},
		{"will-on-a-dropped-connection", willDropped},
		{"will-as-it-was-set", willAsSet},
		{"will-retained", willRetained},
		{"will-on-takeover", willTakeover},
		{"many-at-once", manyAtOnce},
	}}, cast{only5, []scene{
		{"unaltered", unaltered},
		{"user-properties-in-order", userProperties},
		{"left-out-for-3.1.1", leftOutFor3},
		{"kept-with-a-retained-message", propertiesRetained},
		{"of-a-will", propertiesOfAWill},
		{"request-and-response", requestAndResponse},
		{"expiry-of-a-retained-message", expiryRetained},
		{"no-matching-subscribers", noMatching},
		{"retain-as-published", retainAsPublishedOption},
		{"no-local", noLocalOption},
		{"identifiers-of-all-that-match", identifiersOfAll},
		{"aliases-from-a-client", aliasFromAClient},
		{"aliases-to-a-client", aliasToAClient},
		{"receive-maximum-of-a-client", receiveMaximumOfAClient},
	}})
}

// pair starts two nodes that are one cluster.
func pair(t *testing.T) []*solo.Node {
	t.Helper()
	first := own(t, "")
	second, err := solo.Start(program, filepath.Join(t.TempDir(), "data"),
		fmt.Sprintf(`node.name = "o@127.0.0.1", cluster { bootstrap_expect = 0, join = ["%s"] }`, first.Cluster))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Stop(); err != nil {
			t.Error(err)
		}
	})
	nodes := []*solo.Node{first, second}
	t.Cleanup(func() {
		for _, n := range nodes {
			if all, err := n.Counters(context.Background()); t.Failed() {
				t.Logf("counters: %v, %v", all, err)
			}
		}
	})
	return nodes
}

// visible waits until all nodes route what was subscribed to at n. That is what
// a SUBACK says, unless n has stopped waiting for a slow node, which it counts:
// then another subscription behind it is tried, until one was not given up.
func (p *play) visible(n *solo.Node) {
	p.Helper()
	var behind *peer
	for i := range 100 {
		given := p.givenUp(n)
		if given == p.slow[n] {
			return
		}
		p.slow[n] = given
		if behind == nil {
			behind = p.dialTo(n).ask(connect{v: p.v, id: p.id("behind"), clean: true})
			behind.want(connackType)
		}
		behind.send(subscribe(p.v, 1+i, nil, sub{fmt.Sprintf("%s-behind/%d", p.base, i), 0}))
		behind.want(subackType)
	}
	p.Fatal("the nodes are too slow to hear of a subscription")
}

// givenUp is how many SUBACKs of a node came before all nodes had heard.
func (p *play) givenUp(n *solo.Node) float64 {
	p.Helper()
	all, err := n.Counters(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	if p.slow == nil {
		p.slow = map[*solo.Node]float64{n: 0}
	}
	return all[`muster_subscribe_visibility_timeouts_total{reason="slow_peer"}`]
}
