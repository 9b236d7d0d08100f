package config

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-mqtt/muster/config/hocon"
)

// wantDefaults is CONTRACT.md section 3 as Go.
func wantDefaults() *Config {
	return &Config{
		Node: Node{DataDir: "data", Bind: "0.0.0.0", Role: "core", ProtoDist: "inet_tcp", PortMap: "offset",
			ListenMin: 6369, ListenMax: 7369, SSL: NodeTLS{VerifyPeer: true}},
		Cluster: Cluster{
			Name: "mustercl", Datacenter: "dc1", Strategies: []string{"manual"}, Seeds: []string{}, Join: []string{},
			FormAfter: 15 * time.Second, Autoclean: 24 * time.Hour, Autoheal: true, PartitionPolicy: "serve",
			Plugins: []Plugin{{Strategy: "static", Args: []string{}}},
		},
		Listeners: []Listener{{Kind: "tcp", ID: "default", Bind: "127.0.0.1:1883", MaxConnections: 100000, Enable: true}},
		Access:    Access{NoMatch: "auto", Rules: []string{}, Timeout: 10 * time.Second},
		MQTT: MQTT{
			MaxPacketSize: 1e6, MaxClientIDLength: 1024, MaxSessions: 262144, MaxSubscriptions: 10000, MaxInflight: 32,
			MaxQueueLength: 1000, MaxQueueBytes: 8 << 20, SessionExpiry: 2 * time.Hour, IdleTimeout: 15 * time.Second,
			PeerCertAsUsername: "off", ReceiveMaximum: 1024, MaxTopicAlias: 64, MaxQoSAllowed: 2, RetainAvailable: true, Wildcards: true, Shared: true,
		},
		Retainer:   Retainer{MaxMessages: 1e6, MaxBytes: 512 << 20},
		Log:        Log{Level: "info", Format: "text"},
		PublishAck: "accepted", SubscribeVisibility: "cluster", SessionStore: "local", Transport: "tcp", NATS: NATS{VerifyPeer: true},
	}
}

var data = cmp.Options{cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, Options{})
	if diff := cmp.Diff(wantDefaults(), c, data); diff != "" {
		t.Error(diff)
	}
	again := mustLoad(t, Options{Files: []string{"reference.conf"}})
	if diff := cmp.Diff(c, again, data); diff != "" {
		t.Error(diff)
	}
}

// TestReference: every key there is read, and every key read is there.
func TestReference(t *testing.T) {
	tree, err := hocon.Parse(referenceName, reference, hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := tree.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	leaves(newSchema(), v, func(b *branch) { there = append(there, b.path) })
	var read []string
	for _, k := range keys() {
		read = append(read, k.path)
	}
	slices.Sort(there)
	slices.Sort(read)
	if diff := cmp.Diff(read, there); diff != "" {
		t.Error(diff)
	}
}

func leaves(b *branch, v *hocon.Value, visit func(*branch)) {
	for _, m := range v.Members() {
		if next := b.child(m.Key); next == nil || next.leaf() {
			visit(next)
		} else {
			leaves(next, m.Value, visit)
		}
	}
}

// TestSpellings: each older spelling leads to a key, and no key is refused.
func TestSpellings(t *testing.T) {
	schema := newSchema()
	for _, older := range olderSpellings {
		if b := schema.at(newerSpellings[older]); b.key == nil && b.under == nil {
			t.Errorf("%s leads to %s, which is no key", older, newerSpellings[older])
		}
	}
	if len(olderSpellings) != len(newerSpellings) {
		t.Error("the two lists of older spellings differ")
	}
	for _, k := range keys() {
		if b := schema.at(k.path); b.refused || b.lacking {
			t.Errorf("%s is read and refused", k.path)
		}
	}
}
