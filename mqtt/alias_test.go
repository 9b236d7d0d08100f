package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"pgregory.net/rapid"
)

// TestAliasIn [MQTT-3.3.2-12]: aliases of a client belong to its connection.
func TestAliasIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		sub, p := f.clean5("sub"), f.clean5("p")
		sub.subscribe("#", 1)
		set := func(topic string, alias uint16) packet.Publish {
			m := p.as(publish(topic, "x"))
			m.Alias = alias
			return m
		}
		p.send(set("one", 1), set("", 1), set("two", 1), set("", 1), set("three", 64), set("", 64))
		for _, topic := range []string{"one", "one", "two", "two", "three", "three"} {
			sub.want(sub.as(publish(topic, "x")))
		}
		p.nc.Close()
		p = f.clean5("p")
		p.send(set("", 1))
		p.wantBye(packet.ProtocolError)
	})
}

// TestAliasBytes: aliases hold no more than so much memory.
func TestAliasBytes(t *testing.T) {
	var a inAliases
	topic := []byte(strings.Repeat("x", 60_000))
	for alias := uint16(1); alias <= 4; alias++ {
		if _, err := a.resolve(packet.Publish{Topic: topic, Alias: alias}, 64); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.resolve(packet.Publish{Topic: topic, Alias: 5}, 64); !errors.Is(err, errQuota) {
		t.Error(err)
	}
	for range 10 { // the same one again takes no more
		if _, err := a.resolve(packet.Publish{Topic: topic, Alias: 4}, 64); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAliasOut: the first message of a topic sets an alias, the next ones use
// it; a client that allows none gets none.
func TestAliasOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, _ := f.connect5(packet.Connect{ClientID: "a", TopicAliasMaximum: 1})
		p.subscribe("#", 1)
		for i, topic := range []core.Topic{"topic/1", "topic/1", "topic/2", "topic/1", "s"} {
			f.deliver(message(topic, core.QoS(i%2), "x"))
		}
		for _, want := range []struct {
			topic string
			alias uint16
		}{{"topic/1", 1}, {"", 1}, {"topic/2", 1}, {"topic/1", 1}, {"s", 0}} {
			if got := p.publish(); string(got.Topic) != want.topic || got.Alias != want.alias {
				t.Errorf("%q %d, want %+v", got.Topic, got.Alias, want)
			}
		}
	})
}

// TestAliasOutTwin: a client that keeps the aliases it is told always ends up
// with the topic of the message, and no alias is above its maximum.
func TestAliasOutTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := outAliases{limit: rapid.IntRange(0, 4).Draw(t, "limit")}
		known := map[uint16]core.Topic{}
		for range rapid.IntRange(1, 60).Draw(t, "messages") {
			topic := core.Topic(fmt.Sprint("topic/", rapid.IntRange(0, 6).Draw(t, "topic")))
			d := packet.Delivery{Message: &core.Message{Topic: topic}}
			a.apply(&d)
			switch {
			case int(d.Alias) > a.limit:
				t.Fatalf("alias %d of %d", d.Alias, a.limit)
			case d.NoTopic && known[d.Alias] != topic:
				t.Fatalf("%q arrives as %q", topic, known[d.Alias])
			case d.Alias > 0:
				known[d.Alias] = topic
			}
		}
		if len(a.topics) > a.limit || len(a.slots) > a.limit {
			t.Fatalf("%d aliases of %d", len(a.topics), a.limit)
		}
	})
}
