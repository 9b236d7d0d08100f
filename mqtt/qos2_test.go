package mqtt

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// both runs a test with clients of either version.
func both(t *testing.T, test func(t *testing.T, v packet.Version)) {
	for _, v := range []packet.Version{packet.Version311, packet.Version5} {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, v) })
		})
	}
}

// join opens a session of a version that outlives its connection.
func (f *fixture) join(v packet.Version, id string) *peer {
	f.Helper()
	p := f.open()
	p.version = v
	p.in.SetVersion(v)
	p.send(packet.Connect{Version: v, ClientID: id, SessionExpiry: 1000, RequestProblem: true})
	if answer := p.connack(); answer.Code != 0 {
		f.Fatalf("%+v", answer)
	}
	return p
}

// as gives a PUBLISH the version of the peer.
func (p *peer) as(m packet.Publish) packet.Publish {
	m.Version = p.version
	return m
}

// TestQoS2 goes both ways, with every packet of the exchange.
func TestQoS2(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		a, b := f.join(v, "a"), f.join(v, "b")
		a.subscribe("t", 2)
		b.send(b.as(publish2("t", "x", 7)))
		b.want(pubrec(7))
		a.want(a.as(publish2("t", "x", 1)))
		b.send(pubrel(7))
		b.want(pubcomp(7))
		a.send(pubrec(1))
		a.want(pubrel(1))
		a.send(pubcomp(1))
		a.alive()
		synctest.Wait()
		f.wantCount("mqtt_acks_unknown_total", "", 0)
		for _, info := range f.broker.Clients() {
			if info.Inflight != 0 || info.Received != 0 {
				t.Errorf("%+v", info)
			}
		}
	})
}

// TestQoS2Again [MQTT-4.3.3-10]: a message that comes again with the same
// identifier, on the same connection or the next, is not passed on again until
// the PUBREL, and then it is.
func TestQoS2Again(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		f.match("t")
		b := f.join(v, "b")
		b.send(b.as(publish2("t", "x", 7)), b.as(dup(publish2("t", "x", 7))))
		b.want(pubrec(7), pubrec(7))
		b.nc.Close()
		b = f.join(v, "b")
		b.send(b.as(dup(publish2("t", "x", 7))))
		b.want(pubrec(7))
		b.send(pubrel(7), pubrel(7))
		b.want(pubcomp(7))
		again := pubcomp(7)
		if v == packet.Version5 {
			again = refused(again, packet.PacketIdentifierNotFound)
		}
		b.want(again)
		b.send(b.as(publish2("t", "y", 7)))
		b.want(pubrec(7))
		if got := f.cluster.published("t"); len(got) != 2 {
			t.Errorf("published %q", got)
		}
		f.wantCount("mqtt_publishes_duplicate_total", "", 2)
	})
}

// TestQoS2Lost: a message that was refused, or whose connection broke while it
// waited in the cluster, is new when it comes again.
func TestQoS2Lost(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		f.match("t")
		b := f.join(v, "b")
		f.cluster.set(func() { f.cluster.block = true })
		b.send(b.as(publish2("t", "x", 7)))
		synctest.Wait()
		b.nc.Close()
		// The reader does not see it before the cluster lets go.
		next := f.join(v, "b")
		f.cluster.set(func() { f.cluster.block = false })
		next.send(next.as(dup(publish2("t", "x", 7))))
		next.want(pubrec(7))
		if got := f.cluster.published("t"); len(got) != 1 {
			t.Errorf("published %q", got)
		}
	})
}

// TestQoS2Resume [MQTT-4.4.0-1]: on a new connection the broker sends again
// what it has to, the PUBREL where the PUBREC had come.
func TestQoS2Resume(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		a := f.join(v, "a")
		a.subscribe("t", 2)
		f.deliver(message("t", 2, "one"))
		f.deliver(message("t", 2, "two"))
		a.want(a.as(publish2("t", "one", 1)), a.as(publish2("t", "two", 2)))
		a.send(pubrec(1))
		a.want(pubrel(1))
		a.nc.Close()
		a = f.join(v, "a")
		a.want(pubrel(1), a.as(dup(publish2("t", "two", 2))))
		a.send(pubcomp(1), pubrec(2))
		a.want(pubrel(2))
		a.send(pubcomp(2))
		a.alive()
	})
}

// TestUnknownAcks: answers to what was never sent are counted; 5.0 has a word
// for some of them.
func TestUnknownAcks(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		a := f.join(v, "a")
		a.send(puback(1), pubcomp(2), pubrec(3))
		rel := pubrel(3)
		if v == packet.Version5 {
			rel = refused(rel, packet.PacketIdentifierNotFound)
		}
		a.want(rel)
		a.alive()
		f.wantCount("mqtt_acks_unknown_total", "", 3)
	})
}

// TestReceiveMaximum [MQTT-3.3.4-7, 3.3.4-9]: a client of 5.0 that sends more
// than the CONNACK allows is disconnected; one that waits for its answers is
// not.
func TestReceiveMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{ReceiveMaximum: 2})
		f.match("t")
		b := f.clean5("b")
		for id := uint16(1); id < 10; id += 2 {
			b.send(b.as(publish2("t", "", id)), b.as(publish1("t", "", id+1)))
			b.want(pubrec(id), puback(id+1))
			b.send(pubrel(id))
			b.want(pubcomp(id))
		}
		b.send(b.as(publish2("t", "", 1)), b.as(publish2("t", "", 2)))
		b.want(pubrec(1), pubrec(2))
		b.send(b.as(publish1("t", "", 3)))
		b.wantBye(packet.ReceiveMaximumExceeded)
		synctest.Wait()
		f.wantClosed("receive_maximum_exceeded", 1)
	})
}

// TestClientReceiveMaximum [MQTT-3.3.4-9]: no more than the client allows is on
// its way to it.
func TestClientReceiveMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		a, _ := f.connect5(packet.Connect{ClientID: "a", ReceiveMaximum: 2})
		a.subscribe("t", 2)
		for range 3 {
			f.deliver(message("t", 1, "x"))
		}
		f.deliver(message("t", 0, "zero"))
		a.want(a.as(publish1("t", "x", 1)), a.as(publish1("t", "x", 2)))
		a.silent(time.Second)
		a.send(puback(1))
		a.want(a.as(publish1("t", "x", 3)), a.as(publish("t", "zero")))
	})
}

// nobody takes messages and forgets them.
type nobody struct{}

func (*nobody) Deliver(*core.Message, core.Grant)    {}
func (*nobody) Offer(*core.Message, core.Grant) bool { return true }
func (*nobody) Number() uint64                       { return 0 }
func (*nobody) ClientID() string                     { return "nobody" }

var _ core.Subscriber = (*nobody)(nil)

// match sees to it that a topic has a subscription.
func (f *fixture) match(t core.Filter) {
	f.cluster.Subscribe(&nobody{}, core.Subscription{Filter: t}, func() {})
}

// TestAnswers5 lists what a client of 5.0 is told of its message, and 3.1.1.
func TestAnswers5(t *testing.T) {
	for _, c := range []struct {
		name    string
		matched bool
		err     error
		deny    bool
		want    packet.Reason
		closed4 bool
	}{
		{"matched", true, nil, false, packet.Success, false},
		{"nobody", false, nil, false, packet.NoMatchingSubscribers, false},
		{"no room", true, errors.New("no room"), false, packet.QuotaExceeded, true},
		{"not allowed", true, nil, true, packet.NotAuthorized, false},
	} {
		both(t, func(t *testing.T, v packet.Version) {
			f := onPipe(t, Limits{}, func(o *Options) { o.Authorizer = &fakeAccess{deny: c.deny} })
			if c.matched {
				f.match("t")
			}
			p := f.join(v, "p")
			f.cluster.set(func() { f.cluster.err = c.err })
			p.send(p.as(publish1("t", "", 1)))
			if v == packet.Version311 && c.closed4 {
				p.wantClosed()
				return
			}
			p.send(p.as(publish2("t", "", 2)))
			if v == packet.Version311 {
				p.want(puback(1), pubrec(2))
				p.send(pubrel(2))
				p.want(pubcomp(2))
				return
			}
			p.want(refused(puback(1), c.want), refused(pubrec(2), c.want))
			if c.want.Failed() {
				p.send(p.as(publish2("t", "", 2)))
				p.want(refused(pubrec(2), c.want))
			}
		})
	}
}
