package mqtt

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// raw is bytes that are sent as they are.
type raw string

func (r raw) Append(dst []byte) []byte { return append(dst, r...) }

// TestBye lists what ends a connection of 5.0, and the code that the client is
// told. A connection of 3.1.1 ends for the same without a word.
func TestBye(t *testing.T) {
	limits := Limits{MaxQoS: 1, NoRetain: true, MaxPacket: 1000, MaxTopicAlias: 2}
	for _, c := range []struct {
		name   string
		sent   appender
		code   packet.Reason
		reason string
	}{
		{"second CONNECT", packet.Connect{Version: 5, ClientID: "a"}, 0x82, "protocol_violation"},
		{"CONNACK", packet.Connack{Version: 5}, 0x82, "protocol_violation"},
		{"SUBACK", packet.Suback{Version: 5, ID: 1, Codes: []byte{0}}, 0x82, "protocol_violation"},
		{"PINGRESP", empty(packet.TypePingresp), 0x82, "protocol_violation"},
		{"AUTH", packet.Auth{Version: 5, Reason: 0x19, Method: ptr("m")}, 0x82, "protocol_violation"},
		{"reserved type", raw("\x00\x00"), 0x81, "malformed_packet"},
		{"reserved flags", raw("\xc1\x00"), 0x81, "malformed_packet"},
		{"PINGREQ with a body", raw("\xc0\x01\x00"), 0x81, "malformed_packet"},
		{"too large", raw("\x30\x80\x80\x01"), 0x95, "packet_too_large"},
		{"QoS 3", raw("\x36\x06\x00\x01t\x00\x01\x00"), 0x81, "malformed_packet"},
		{"QoS 2 is not supported", five(publish2("t", "", 1)), 0x9B, "protocol_violation"},
		{"retain is not supported", retain(five(publish("t", ""))), 0x9A, "protocol_violation"},
		{"wildcard in a topic", raw("\x30\x04\x00\x01#\x00"), 0x90, "protocol_violation"},
		{"alias above the maximum", raw("\x30\x07\x00\x01t\x03\x23\x00\x03"), 0x94, "protocol_violation"},
		{"unknown alias", raw("\x30\x06\x00\x00\x03\x23\x00\x01"), 0x82, "protocol_violation"},
		{"alias 0", raw("\x30\x07\x00\x01t\x03\x23\x00\x00"), 0x94, "protocol_violation"},
		{"SUBSCRIBE without a filter", raw("\x82\x03\x00\x01\x00"), 0x82, "protocol_violation"},
		{"session expiry after none", packet.Disconnect{Version: 5, SessionExpiry: ptr(uint32(5))}, 0x82, "protocol_violation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, limits)
				p, other := f.clean5("a"), f.clean5("b")
				p.send(c.sent)
				p.wantBye(c.code)
				synctest.Wait()
				f.wantClosed(c.reason, 1)
				other.alive()
			})
		})
	}
}

// TestByeOutside: what ends a connection of 5.0 from outside.
func TestByeOutside(t *testing.T) {
	for _, c := range []struct {
		name   string
		cause  func(f *fixture)
		code   packet.Reason
		reason string
	}{
		{"keep alive", func(*fixture) {}, packet.KeepAliveTimeout, "keep_alive"},
		{"taken over", func(f *fixture) { f.clean5("a") }, packet.SessionTakenOver, "taken_over"},
		{"taken over by another node", func(f *fixture) { f.broker.TakenOver("a", core.Token{Stamp: 99}, false) }, packet.SessionTakenOver, "taken_over"},
		{"and discarded", func(f *fixture) { f.broker.TakenOver("a", core.Token{Stamp: 99}, true) }, packet.SessionTakenOver, "taken_over"},
		{"shutdown", func(f *fixture) { f.broker.Close() }, packet.ServerShuttingDown, "shutdown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p, _ := f.connect5(packet.Connect{ClientID: "a", KeepAlive: 10})
				var cause sync.WaitGroup
				cause.Go(func() { c.cause(f) })
				p.wantBye(c.code)
				cause.Wait()
				synctest.Wait()
				f.wantClosed(c.reason, 1)
			})
		})
	}
}

// TestByeWords [MQTT-3.14.2-3]: the reason string is left out when the client
// does not want it or has no room for it.
func TestByeWords(t *testing.T) {
	for _, c := range []struct {
		name    string
		problem bool
		max     uint32
		words   bool
	}{
		{"wanted", true, 0, true},
		{"not wanted", false, 0, false},
		{"no room", true, 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.open5()
				p.send(packet.Connect{Version: 5, ClientID: "a", RequestProblem: c.problem, MaximumPacketSize: c.max})
				p.connack()
				p.send(empty(packet.TypePingresp))
				d, err := p.next(packet.TypeDisconnect).Disconnect()
				if err != nil || d.Reason != packet.ProtocolError || (d.ReasonString != "") != c.words {
					t.Errorf("%+v %v", d, err)
				}
			})
		})
	}
}

// TestSmallMaximum: a client gets a CONNACK that it takes, one that refuses it,
// or none, and has a session only with the first [MQTT-3.1.2-24].
func TestSmallMaximum(t *testing.T) {
	for max := range uint32(40) {
		t.Run(fmt.Sprint(max), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.open5()
				p.send(packet.Connect{Version: 5, ClientID: "a", MaximumPacketSize: max, SessionExpiry: 100})
				code := byte(packet.PacketTooLarge)
				switch {
				case max == 0, max >= 13: // with a Maximum Packet Size and a Receive Maximum
					code = 0
					fallthrough
				case max >= 5:
					if a := p.connack(); a.Code != code || max > 0 && len(a.Append(nil)) > int(max) {
						t.Errorf("%d bytes: %+v", len(a.Append(nil)), a)
					}
				}
				if code == 0 {
					p.alive()
				} else {
					p.wantClosed()
					f.wantCount("mqtt_connections_refused_total", "maximum_packet_size", 1)
				}
				if n := len(f.broker.Clients()); n != 1 && code == 0 || n != 0 && code != 0 {
					t.Errorf("%d sessions", n)
				}
			})
		})
	}
}

// TestLargeAnswer: an answer that is larger than the client takes ends the
// connection and is not sent [MQTT-3.1.2-24].
func TestLargeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, _ := f.connect5(packet.Connect{ClientID: "a", MaximumPacketSize: 14})
		subs := make([]packet.Subscription, 10)
		for i := range subs {
			subs[i].Filter = core.Filter(fmt.Sprint("t", i))
		}
		p.send(packet.Subscribe{Version: 5, ID: 1, Subscriptions: subs[:9]})
		p.next(packet.TypeSuback)
		p.send(packet.Subscribe{Version: 5, ID: 2, Subscriptions: subs})
		p.wantBye(packet.PacketTooLarge)
	})
}

// TestByeStuck: a client that reads nothing gets a second for its DISCONNECT;
// nobody else waits.
func TestByeStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 100})
		p.send(packet.Subscribe{Version: 5, ID: 1, Subscriptions: []packet.Subscription{{Filter: "t"}}})
		synctest.Wait() // the SUBACK waits for the client
		began := time.Now()
		if _, answer := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 100}); !answer.SessionPresent {
			t.Error("the session is gone")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the takeover took %v", took)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		p.wantClosed()
	})
}

// TestHalfClosed: a client that says that it sends no more is still answered,
// over TCP.
func TestHalfClosed(t *testing.T) {
	f := onTCP(t, Limits{})
	for range 100 {
		p := f.open5()
		p.send(packet.Connect{Version: 5, ClientID: "a", CleanStart: true}, empty(packet.TypePingreq))
		if err := p.nc.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		p.connack()
		p.want(empty(packet.TypePingresp))
		p.wantClosed()
		p.nc.Close()
	}
}

// TestResetIsAvoided: a client that has sent more than we read still gets its
// DISCONNECT, over TCP.
func TestResetIsAvoided(t *testing.T) {
	f := onTCP(t, Limits{MaxPacket: 1 << 16})
	for range 50 {
		p := f.clean5("a")
		p.send(raw("\x30\xff\xff\x7f"), raw(strings.Repeat("x", 100_000)))
		p.wantBye(packet.PacketTooLarge)
		p.nc.Close()
	}
}
