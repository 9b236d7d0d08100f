package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestSessionExpiry says whether a session is still there so many seconds
// after its connection [MQTT 5.0, 3.1.2.11.2].
func TestSessionExpiry(t *testing.T) {
	bye := func(expiry *uint32) *packet.Disconnect { return &packet.Disconnect{Version: 5, SessionExpiry: expiry} }
	for _, c := range []struct {
		name   string
		expiry uint32
		clean  bool
		bye    *packet.Disconnect // nil: the connection breaks
		after  time.Duration
		stays  bool
	}{
		{"none", 0, false, nil, 0, false},
		{"within", 10, false, nil, 9 * time.Second, true},
		{"over", 10, false, nil, 11 * time.Second, false},
		{"clean start, too", 10, true, nil, 9 * time.Second, true},
		{"for ever, as far as allowed", 0xFFFFFFFF, false, nil, 3500 * time.Second, true},
		{"and no further", 0xFFFFFFFF, false, nil, 3700 * time.Second, false},
		{"changed by the DISCONNECT", 10, false, bye(ptr(uint32(100))), 99 * time.Second, true},
		{"capped there, too", 10, false, bye(ptr(uint32(0xFFFFFFFF))), 3700 * time.Second, false},
		{"ended by it", 10, false, bye(ptr(uint32(0))), 0, false},
		{"not changed by it", 10, false, bye(nil), 9 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{SessionExpiry: time.Hour})
				p, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: c.expiry, CleanStart: c.clean})
				p.subscribe("t", 1)
				if c.bye != nil {
					p.send(*c.bye)
					p.wantClosed()
				}
				p.nc.Close()
				time.Sleep(c.after)
				synctest.Wait()
				if n := f.cluster.subscriptions(); (n == 1) != c.stays {
					t.Errorf("%d subscriptions", n)
				}
				if _, answer := f.connect5(packet.Connect{ClientID: "a"}); answer.SessionPresent != c.stays {
					t.Errorf("%+v", answer)
				}
			})
		})
	}
}

// TestMessageExpiry [MQTT-3.3.2-5, 3.3.2-6]: what is left is told, and what has
// expired does not come.
func TestMessageExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		sub := f.join(5, "sub")
		sub.subscribe("t", 1)
		sub.nc.Close()
		synctest.Wait()
		pub := f.clean5("pub")
		for i, expiry := range []uint32{10, 20} {
			m := pub.as(publish1("t", fmt.Sprint(i), 1))
			m.Expiry, m.HasExpiry = expiry, true
			pub.send(m)
			pub.want(puback(1))
		}
		time.Sleep(15 * time.Second)
		sub = f.join(5, "sub")
		if got := sub.publish(); string(got.Payload) != "1" || got.Expiry != 5 || !got.HasExpiry {
			t.Errorf("%+v", got)
		}
		synctest.Wait() // it is counted when everything that waited is on its way
		f.wantDropped("expired", 1)
	})
}

// TestProperties [MQTT-3.3.2-15 to 3.3.2-20, 3.3.1-3]: they arrive as they were
// published, in 5.0, and without them in 3.1.1.
func TestProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		new5, old := f.clean5("new"), f.connect("old", true, false)
		new5.subscribe("t", 1)
		old.subscribe("t", 1)
		pub := f.clean5("pub")
		m := pub.as(publish1("t", "x", 1))
		m.Properties = packet.Properties{
			PayloadFormat: 1, ContentType: "c", ResponseTopic: "r", CorrelationData: []byte{1, 0},
			User: []packet.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
		}.Append(nil)
		pub.send(m)
		new5.want(m)
		old.want(publish1("t", "x", 1))
		// Long ones are not copied, and must not be overwritten.
		long := pub.as(publish("t", strings.Repeat("0123456789", 2000)))
		long.Properties = m.Properties
		pub.want(puback(1))
		pub.send(long, pub.as(publish("t", strings.Repeat("x", 20_000))))
		new5.want(long)
	})
}

// TestMaximumPacketSize [MQTT-3.1.2-25]: a message too large for the client is
// dropped as if it had been delivered.
func TestMaximumPacketSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, _ := f.connect5(packet.Connect{ClientID: "a", MaximumPacketSize: 30, TopicAliasMaximum: 5})
		p.subscribe("a/long/topic", 1)
		for i, size := range []int{20, 13, 11} { // 13 and 11 is the most of QoS 0 and 1
			f.deliver(message("a/long/topic", 0, strings.Repeat(fmt.Sprint(i), size)))
			f.deliver(message("a/long/topic", 1, strings.Repeat(fmt.Sprint(i), size)))
		}
		for _, want := range []string{"1", "2", "2"} {
			m := p.publish()
			if string(m.Payload[:1]) != want || len(m.Append(nil)) > 30 || m.Alias != 0 {
				t.Errorf("%+v, %d bytes", m, len(m.Append(nil)))
			}
		}
		p.send(puback(1))
		p.alive()
		f.wantDropped("packet_too_large", 3)
	})
}
