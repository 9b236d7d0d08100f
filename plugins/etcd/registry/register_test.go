package registry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/internal/etcdtest"
)

const key1 = "/p/c/nodes/n1@127.0.0.1"

func present(value string, lease int64) bool { return value != "" && lease != 0 }
func absent(value string, _ int64) bool      { return value == "" }

// node_ttl is the lease; without it what the host asks for is.
func TestTTL(t *testing.T) {
	e := start(t, etcdtest.Options{})
	for _, c := range []struct {
		node string
		asks time.Duration
		want time.Duration
	}{{"", 3 * time.Second, 3 * time.Second}, {"1m30s", 3 * time.Second, 90 * time.Second}, {"1500ms", time.Minute, 2 * time.Second}, {"", 0, time.Minute}} {
		conf := map[string]any{}
		if c.node != "" {
			conf["node_ttl"] = c.node
		}
		p := e.plugin(1, conf)
		granted := register(t, p, 1, c.asks)
		r, err := e.c.Get(t.Context(), key1)
		if err != nil || len(r.Kvs) != 1 {
			t.Fatal(err, e.keys())
		}
		lease, err := e.c.TimeToLive(t.Context(), clientv3.LeaseID(r.Kvs[0].Lease))
		if err != nil || lease.GrantedTTL != int64(c.want/time.Second) || granted != c.want {
			t.Errorf("node_ttl %q, asked for %v: granted %v, the lease has %+v, %v", c.node, c.asks, granted, lease, err)
		}
		if err := p.Deregister(t.Context(), self(1).NodeUID); err != nil {
			t.Error(err)
		}
		if len(e.keys()) != 0 || e.leases() != 0 {
			t.Errorf("Deregister leaves %v and %d leases", e.keys(), e.leases())
		}
	}
}

// Whatever takes the entry away, it is back within one renewal interval, and
// both moments are told.
func TestRestored(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, nil)
	const ttl = 9 * time.Second
	register(t, p, 1, ttl)
	w := watching(t, p)
	w.snapshot("the entry", "n1@127.0.0.1")
	for what, take := range map[string]func(){
		"its lease revoked": func() {
			r, err := e.c.Get(t.Context(), key1)
			if err == nil {
				_, err = e.c.Revoke(t.Context(), clientv3.LeaseID(r.Kvs[0].Lease))
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"its key deleted":      func() { e.del(key1) },
		"its lease taken away": func() { e.del(key1); e.put(key1, `{"node_uid":"`+self(1).NodeUID+`","name":"n1@h"}`) },
	} {
		take()
		began := time.Now()
		e.awaits(key1, what+" and put back", func(v string, lease int64) bool { return strings.Contains(v, "127.0.0.1:4371") && lease != 0 })
		if took := time.Since(began); took > ttl/3+4*time.Second {
			t.Errorf("%s: back after %v", what, took)
		}
		if what != "its lease taken away" { // the entry itself stood all the time
			w.registration(discovery.RegistrationLost)
			w.registration(discovery.Registered)
		}
	}
	if n := e.leases(); n != 1 {
		t.Errorf("%d leases", n)
	}
}

// A name that another uid holds is refused, by name; the tries leave no lease.
func TestConflict(t *testing.T) {
	e := start(t, etcdtest.Options{})
	register(t, e.plugin(1, nil), 1, time.Minute)
	other := self(2)
	other.Name = self(1).Name
	p := e.plugin(2, nil)
	for range 3 {
		_, err := p.Register(t.Context(), other, time.Hour)
		var held *discovery.Error
		if !errors.As(err, &held) || held.Class != discovery.Conflict || held.HolderUID != self(1).NodeUID || !strings.Contains(held.Reason, key1) {
			t.Errorf("%v", err)
		}
	}
	e.settles(1)
	if err := p.Deregister(t.Context(), other.NodeUID); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{key1}, e.keys()); diff != "" {
		t.Errorf("the loser has taken the winner's entry away:\n%s", diff)
	}
	h, err := p.Health(t.Context())
	if err != nil || discovery.ClassOf(h.LastError) != discovery.Conflict || h.Backend != discovery.BackendOK || h.Registration.State != discovery.NotRegistered {
		t.Errorf("%+v, %v", h, err)
	}
}

// What is no entry is nobody's to overwrite.
func TestForeignKey(t *testing.T) {
	e := start(t, etcdtest.Options{})
	e.put(key1, "mine")
	p := e.plugin(1, nil)
	if _, err := p.Register(t.Context(), self(1), time.Minute); discovery.ClassOf(err) != discovery.Conflict || !strings.Contains(err.Error(), key1) {
		t.Error(err)
	}
	e.awaits(key1, "left alone", func(v string, _ int64) bool { return v == "mine" })
	e.del(key1)
	register(t, p, 1, time.Minute)
}

// A name that was taken over while the entry was lost is not taken back; once
// it is free again the entry returns.
func TestLostToAnother(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, nil)
	register(t, p, 1, 3*time.Second)
	w := watching(t, p)
	w.snapshot("the entry", "n1@127.0.0.1")
	e.put(key1, entryText(7, ""))
	w.registration(discovery.RegistrationLost)
	tick := time.NewTicker(20 * time.Millisecond) // the loss is told first, and then why
	defer tick.Stop()
	for late := time.Now().Add(wait); ; <-tick.C {
		h, err := p.Health(t.Context())
		if err == nil && discovery.ClassOf(h.LastError) == discovery.Conflict {
			break
		}
		if err != nil || time.Now().After(late) {
			t.Fatalf("%+v, %v", h, err)
		}
	}
	e.awaits(key1, "left to its holder", func(v string, _ int64) bool { return strings.Contains(v, `"u7"`) })
	e.del(key1)
	e.awaits(key1, "put back", present)
	w.registration(discovery.Registered)
}

// A second Register brings the entry up to date: in place, or under a new
// key and lease when the name or the time to live is another.
func TestRegisterAgain(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, nil)
	register(t, p, 1, time.Minute)
	s := self(1)
	s.Attributes = map[string]string{"zone": "b"}
	if _, err := p.Register(t.Context(), s, time.Minute); err != nil {
		t.Fatal(err)
	}
	e.awaits(key1, "updated", func(v string, lease int64) bool { return strings.Contains(v, `"zone":"b"`) && lease != 0 })
	s.Name = "other@127.0.0.1"
	if granted, err := p.Register(t.Context(), s, 2*time.Minute); err != nil || granted != 2*time.Minute {
		t.Fatal(granted, err)
	}
	if diff := cmp.Diff([]string{"/p/c/nodes/other@127.0.0.1"}, e.keys()); diff != "" || e.leases() != 1 {
		t.Errorf("%d leases\n%s", e.leases(), diff)
	}
	for _, name := range []string{"", "a/b@h", "n@h h"} {
		s.Name = name
		if _, err := p.Register(t.Context(), s, time.Minute); err == nil {
			t.Errorf("%q is entered", name)
		}
	}
}

// The entry of an earlier process of the node goes as well, that of another
// node does not.
func TestDeregisterOfAnEarlierProcess(t *testing.T) {
	e := start(t, etcdtest.Options{})
	text, err := entryOf(self(1))
	if err != nil {
		t.Fatal(err)
	}
	value, _ := text.encode()
	e.put(key1, value)
	if err := e.plugin(1, nil).Deregister(t.Context(), self(2).NodeUID); err != nil || len(e.keys()) != 1 {
		t.Errorf("another's: %v, %v", e.keys(), err)
	}
	if err := e.plugin(1, nil).Deregister(t.Context(), self(1).NodeUID); err != nil || len(e.keys()) != 0 {
		t.Errorf("our own: %v, %v", e.keys(), err)
	}
}

// Deregister is not held up by a renewal that etcd does not answer, and its
// entry does not come back once etcd does.
func TestDeregisterWhileHeldUp(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, nil)
	register(t, p, 1, 2*time.Second)
	e.Wire(0).Hold(true)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // two renewals hang by then
	defer cancel()
	if _, err := p.Discover(ctx); discovery.ClassOf(err) != discovery.Timeout {
		t.Errorf("%v", err)
	}
	quick, done := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer done()
	began := time.Now()
	if err := p.Deregister(quick, self(1).NodeUID); discovery.ClassOf(err) != discovery.Timeout || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	e.Wire(0).Hold(false)
	e.awaits(key1, "the end of the lease", absent)
	quick, done = context.WithCancel(t.Context())
	done()
	if err := p.Deregister(quick, self(1).NodeUID); err == nil {
		t.Error("a cancelled Deregister succeeds")
	}
	if h, err := p.Health(t.Context()); err != nil || h.Registration.State != discovery.NotRegistered {
		t.Errorf("%+v, %v", h, err)
	}
}

// After a Deregister that failed halfway the node can be registered again,
// and its entry is kept.
func TestRegisterAfterAFailedDeregister(t *testing.T) {
	e := start(t, etcdtest.Options{})
	conf, err := New(t.Context(), discovery.Setup{Config: []byte(`{"server":"` + e.Endpoints()[0] + `","prefix":"p"}`), Self: self(1), ClusterName: "c"})
	if err != nil {
		t.Fatal(err)
	}
	s := conf.Strategy.(*strategy)
	defer s.Close()
	if _, err := s.Register(t.Context(), self(1), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	s.turn <- struct{}{} // as a call that hangs would
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Deregister(over, self(1).NodeUID); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-s.turn
	if _, err := s.Register(t.Context(), self(1), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	if k := s.keeping(); k.ctx.Err() != nil || !k.renewing() {
		t.Error("the entry is not kept")
	}
	if err := s.Deregister(t.Context(), self(1).NodeUID); err != nil || len(e.keys()) != 0 {
		t.Errorf("%v, %v", e.keys(), err)
	}
}

// An orderly end leaves the entry to its lease, since only Deregister says
// that the node is gone.
func TestCloseLeavesTheEntry(t *testing.T) {
	e := start(t, etcdtest.Options{})
	p := e.plugin(1, nil)
	register(t, p, 1, 2*time.Second)
	if err := p.Shutdown(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if len(e.keys()) != 1 {
		t.Errorf("%v", e.keys())
	}
	e.awaits(key1, "the end of the lease", absent)
}
