package mqtt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestSubscribeOptions: no local, retain as published, identifiers, and a
// message that matches several subscriptions, which comes once
// [MQTT-3.3.4-2, 3.3.4-3].
func TestSubscribeOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, other := f.clean5("p"), f.clean5("other")
		p.send(
			packet.Subscribe{Version: 5, ID: 1, SubscriptionID: 5, Subscriptions: []packet.Subscription{{Filter: "a/#", QoS: 1, NoLocal: true}}},
			packet.Subscribe{Version: 5, ID: 2, SubscriptionID: 268_435_455, Subscriptions: []packet.Subscription{{Filter: "+/b", QoS: 0, NoLocal: true, RetainAsPublished: true}}},
		)
		p.want(packet.Suback{Version: 5, ID: 1, Codes: []byte{1}}, packet.Suback{Version: 5, ID: 2, Codes: []byte{0}})
		p.send(p.as(publish("a/b", "mine")))
		other.send(other.as(retain(publish1("a/b", "kept", 9))), other.as(retain(publish("a/c", "kept"))))
		other.want(puback(9))
		got := p.publish()
		if !got.Retain || got.QoS != 1 || !slices.Equal(got.IDs, []uint32{5, 268_435_455}) || string(got.Payload) != "kept" {
			t.Errorf("%+v", got)
		}
		if got = p.publish(); got.Retain || !slices.Equal(got.IDs, []uint32{5}) {
			t.Errorf("%+v", got)
		}
	})
}

// TestSubscribeReplaces [MQTT-3.8.4-3]: the options of the later one count.
func TestSubscribeReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.clean5("p")
		p.subscribeTo(packet.Subscription{Filter: "t", QoS: 2})
		p.subscribeTo(packet.Subscription{Filter: "t", QoS: 0})
		f.deliver(message("t", 2, "x"))
		p.want(p.as(publish("t", "x")))
		p.send(packet.Unsubscribe{Version: 5, ID: 3, Filters: []core.Filter{"t", "t", "$share/g/t"}})
		p.want(packet.Unsuback{Version: 5, ID: 3, Codes: []byte{0, 0x11, 0x11}})
	})
}

// TestUnsupported lists filters that this broker refuses when it is told to.
func TestUnsupported(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{NoShared: true, NoWildcards: true, MaxSubscriptions: 1})
		p := f.join(v, "p")
		want := []byte{0, 0x9E, 0xA2, 0x97}
		if v == packet.Version311 {
			want = []byte{0, 0x80, 0x80, 0x80}
		}
		p.send(packet.Subscribe{Version: v, ID: 1, Subscriptions: []packet.Subscription{
			{Filter: "a"}, {Filter: "$share/g/a"}, {Filter: "a/+"}, {Filter: "b"}}})
		p.want(packet.Suback{Version: v, ID: 1, Codes: want})
		f.wantCount("mqtt_subscriptions_refused_total", "unsupported", 2)
		f.wantCount("mqtt_subscriptions_refused_total", "max_subscriptions", 1)
	})
}

// TestShared: members take turns, one that is away or full is passed over, and
// a group and an own subscription of one client are two.
func TestShared(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{MaxInflight: 1})
		a, b := f.join(v, "a"), f.join(v, "b")
		a.subscribe("$share/g/t", 1)
		b.subscribe("$share/g/t", 1)
		b.subscribe("own", 0)
		f.cluster.deliver(message("t", 1, "0"))
		f.cluster.deliver(message("t", 1, "1"))
		b.want(b.as(publish1("t", "0", 1)))
		a.want(a.as(publish1("t", "1", 1)))
		a.send(puback(1))
		a.alive()
		f.cluster.deliver(message("t", 1, "2")) // the window of b is full
		a.want(a.as(publish1("t", "2", 2)))
		a.nc.Close()
		b.send(puback(1))
		b.alive()
		synctest.Wait()
		f.cluster.deliver(message("t", 1, "3")) // a is away
		b.want(b.as(publish1("t", "3", 2)))
		b.nc.Close()
		synctest.Wait()
		f.cluster.deliver(message("t", 1, "4")) // all are: it waits for one
		got := f.join(v, "a").takeAll() + f.join(v, "b").takeAll()
		if strings.Count(got, "4") != 1 {
			t.Errorf("got %s", got)
		}
	})
}

// takeAll acknowledges what comes, of QoS 1, until nothing does, and returns
// the payloads.
func (p *peer) takeAll() (payloads string) {
	p.Helper()
	p.send(empty(packet.TypePingreq))
	got, err := p.in.Next()
	for ; err == nil && got.Type == packet.TypePublish; got, err = p.in.Next() {
		m := decoded[packet.Publish](p)(got.Publish())
		payloads += string(m.Payload)
		p.send(puback(m.ID))
		p.want(empty(packet.TypePingresp))
		p.send(empty(packet.TypePingreq))
	}
	if err != nil || got.Type != packet.TypePingresp {
		p.Fatalf("%v %v", got.Type, err)
	}
	return payloads
}

// TestRetainHandling [MQTT-3.3.1-9 to 3.3.1-11]: when a subscribing brings
// retained messages, and with what flag.
func TestRetainHandling(t *testing.T) {
	for _, c := range []struct {
		handling      byte
		group         string
		first, second int // messages at the first and the second SUBSCRIBE
	}{{0, "", 2, 2}, {1, "", 2, 0}, {2, "", 0, 0}, {0, "$share/g/", 0, 0}} {
		t.Run(fmt.Sprint(c.handling, c.group), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.clean5("p")
				p.send(p.as(retain(publish1("r/1", "one", 1))), p.as(retain(publish("r/2", "two"))), p.as(retain(publish("r/3", "gone"))), p.as(retain(publish("r/3", ""))))
				p.want(refused(puback(1), packet.NoMatchingSubscribers))
				for _, n := range []int{c.first, c.second} {
					p.subscribeTo(packet.Subscription{Filter: core.Filter(c.group + "r/#"), QoS: 2, RetainHandling: c.handling})
					want := []appender{p.as(retain(publish1("r/1", "one", 1))), p.as(retain(publish("r/2", "two")))}
					for _, m := range want[:n] {
						got := p.publish()
						got.ID = min(got.ID, 1)
						if string(got.Append(nil)) != string(m.Append(nil)) {
							t.Errorf("%+v", got)
						}
						p.send(puback(1), puback(2))
					}
					p.alive()
				}
			})
		})
	}
}

// TestRetained311 and no local [MQTT-3.8.3-3].
func TestRetained311(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		p := f.join(v, "p")
		p.send(p.as(retain(publish("r", "x"))))
		p.alive()
		p.subscribe("r", 1)
		p.want(p.as(retain(publish("r", "x"))))
		if v == packet.Version5 {
			p.subscribeTo(packet.Subscription{Filter: "r", NoLocal: true})
			p.alive()
		}
	})
}

// TestManyRetained: more than queue, window and buffer hold come all the same,
// in their order, as the client takes them.
func TestManyRetained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxQueue: 5, MaxInflight: 3, OutBuffer: 1000})
		const n = 200
		for i := range n {
			f.cluster.store(&core.Message{Topic: core.Topic(fmt.Sprintf("r/%03d", i)), Payload: []byte(padded(i)), QoS: core.QoS(i % 2), Retain: true})
		}
		p := f.clean5("p")
		p.subscribe("r/#", 1)
		for i := range n {
			got := p.publish()
			if string(got.Payload) != padded(i) || !got.Retain {
				t.Fatalf("%d: %q", i, got.Topic)
			}
			if got.QoS == 1 {
				p.send(puback(got.ID))
			}
		}
		p.alive()
		f.wantDropped("queue_full", 0)
		if f.broker.sessions()[0].catchup != nil {
			t.Error("the catching up has not ended")
		}
	})
}

// TestRetainedBound: what is beyond the limit is left out and counted.
func TestRetainedBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxRetained: 2})
		for i := range 4 {
			f.cluster.store(&core.Message{Topic: core.Topic(fmt.Sprint("r/", i)), Payload: []byte("x"), Retain: true})
		}
		p := f.clean5("p")
		p.subscribe("r/#", 1)
		p.want(p.as(retain(publish("r/0", "x"))), p.as(retain(publish("r/1", "x"))))
		p.alive()
		f.wantCount("mqtt_retained_omitted_total", "", 1)
	})
}

// TestRetainedMemory: a client that subscribes again and again and reads
// nothing holds no more than the limit; one that unsubscribes gets no more.
func TestRetainedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxRetained: 10, OutBuffer: 1, MaxInflight: 1})
		for i := range 10 {
			f.cluster.store(&core.Message{Topic: core.Topic(fmt.Sprint("r/", i)), Payload: []byte("x"), QoS: 1, Retain: true})
		}
		p := f.clean5("p")
		for range 10 {
			p.send(packet.Subscribe{Version: 5, ID: 1, Subscriptions: []packet.Subscription{{Filter: "r/#", QoS: 1}}})
		}
		synctest.Wait()
		if n := len(f.broker.sessions()[0].catchup.queue); n > 10 {
			t.Errorf("%d messages wait", n)
		}
		if f.count("mqtt_retained_omitted_total", "") < 80 {
			t.Error("not counted")
		}
		p.send(packet.Unsubscribe{Version: 5, ID: 2, Filters: []core.Filter{"r/#"}})
		messages, inflight := 0, uint16(1)
		for done := false; !done; {
			got, err := p.in.Next()
			if err != nil {
				t.Fatal(err)
			}
			switch got.Type {
			case packet.TypePublish:
				messages++
				inflight = decoded[packet.Publish](p)(got.Publish()).ID
			case packet.TypeUnsuback:
				done = true
			}
		}
		p.send(puback(inflight))
		// What the session had already may still come [MQTT-3.10.4-3].
		messages += len(p.takeAll())
		if messages > 2 || f.broker.sessions()[0].catchup != nil {
			t.Errorf("%d messages, %+v", messages, f.broker.sessions()[0].catchup)
		}
	})
}

// TestRetainedOrLive: a message that is published while a client subscribes
// comes once, and never after a later one of its topic.
func TestRetainedOrLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{OutBuffer: 1})
		p, pub := f.clean5("p"), f.clean5("pub")
		for i := range 5 {
			pub.send(pub.as(retain(publish(fmt.Sprint("r/", i), "old"))))
		}
		pub.alive()
		f.cluster.onRetain = func() {
			// Between Subscribe and Retained, as far as the front can tell.
			f.cluster.onRetain = nil
			pub.send(pub.as(retain(publish("r/1", "new"))))
			pub.alive()
		}
		f.cluster.hold = true
		p.send(packet.Subscribe{Version: 5, ID: 1, Subscriptions: []packet.Subscription{{Filter: "r/#"}}})
		synctest.Wait()
		pub.send(pub.as(retain(publish("r/3", "newer"))))
		pub.alive()
		f.cluster.takeHeld()[0]()
		count := map[string]int{}
		for range 2 {
			count[string(p.publish().Payload)]++ // live
		}
		p.suback()
		for range 3 {
			got := p.publish()
			count[string(got.Topic)]++
		}
		p.alive()
		if len(count) != 5 || count["new"] != 1 || count["newer"] != 1 || count["r/1"]+count["r/3"] != 0 {
			t.Error(count)
		}
	})
}

// TestRetainedKept: a client that goes while it catches up finds the rest, as
// far as its queue holds it.
func TestRetainedKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxQueue: 5, MaxInflight: 1})
		for i := range 10 {
			f.cluster.store(&core.Message{Topic: core.Topic(fmt.Sprint("r/", i)), Payload: []byte("x"), QoS: 1, Retain: true})
		}
		p := f.join(5, "p")
		p.subscribe("r/#", 1)
		p.nc.Close()
		time.Sleep(time.Second)
		f.wantCount("mqtt_retained_omitted_total", "", 4)
		p = f.join(5, "p")
		for i := range 6 {
			got := p.publish()
			if string(got.Topic) != fmt.Sprint("r/", i) {
				t.Errorf("%q", got.Topic)
			}
			p.send(puback(got.ID))
		}
		p.alive()
	})
}
