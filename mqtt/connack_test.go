package mqtt

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

func ptr[T any](v T) *T { return &v }

// TestConnack5 says what the CONNACK of 5.0 names beside the limits that it
// always does, for a CONNECT and the limits of the broker.
func TestConnack5(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		req    packet.Connect
		want   packet.Connack
	}{
		{"nothing special", Limits{}, packet.Connect{ClientID: "a"}, packet.Connack{}},
		{"session expiry within the limit", Limits{}, packet.Connect{ClientID: "a", SessionExpiry: 7200}, packet.Connack{}},
		{"session expiry above it", Limits{}, packet.Connect{ClientID: "a", SessionExpiry: 7201}, packet.Connack{SessionExpiry: ptr(uint32(7200))}},
		{"for ever", Limits{SessionExpiry: time.Minute}, packet.Connect{ClientID: "a", SessionExpiry: 0xFFFFFFFF}, packet.Connack{SessionExpiry: ptr(uint32(60))}},
		{"for ever is allowed", Limits{SessionExpiry: 200 * 365 * 24 * time.Hour}, packet.Connect{ClientID: "a", SessionExpiry: 0xFFFFFFFF}, packet.Connack{}},
		{"keep alive within the limit", Limits{KeepAlive: time.Minute}, packet.Connect{ClientID: "a", KeepAlive: 60}, packet.Connack{}},
		{"keep alive above it", Limits{KeepAlive: time.Minute}, packet.Connect{ClientID: "a", KeepAlive: 61}, packet.Connack{ServerKeepAlive: ptr(uint16(60))}},
		{"no keep alive", Limits{KeepAlive: time.Minute}, packet.Connect{ClientID: "a"}, packet.Connack{ServerKeepAlive: ptr(uint16(60))}},
		{"response information", Limits{ResponseInformation: "r/"}, packet.Connect{ClientID: "a", RequestResponse: true}, packet.Connack{ResponseInformation: "r/"}},
		{"not asked for", Limits{ResponseInformation: "r/"}, packet.Connect{ClientID: "a"}, packet.Connack{}},
		{"QoS 1", Limits{MaxQoS: 1}, packet.Connect{ClientID: "a"}, packet.Connack{MaximumQoS: ptr(byte(1))}},
		{"QoS 0", Limits{MaxQoS: -1}, packet.Connect{ClientID: "a"}, packet.Connack{MaximumQoS: ptr(byte(0))}},
		{"no retained", Limits{NoRetain: true}, packet.Connect{ClientID: "a"}, packet.Connack{RetainAvailable: ptr(false)}},
		{"no wildcards", Limits{NoWildcards: true}, packet.Connect{ClientID: "a"}, packet.Connack{WildcardAvailable: ptr(false)}},
		{"no shared", Limits{NoShared: true}, packet.Connect{ClientID: "a"}, packet.Connack{SharedAvailable: ptr(false)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, got := onPipe(t, c.limits).connect5(c.req)
				c.want.Version = packet.Version5
				c.want.ReceiveMaximum, c.want.TopicAliasMaximum, c.want.MaximumPacketSize = 1024, 64, 1<<20
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestAssignedID [MQTT-3.2.2-16]: the name that the client is told is its own.
func TestAssignedID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p, first := f.connect5(packet.Connect{SessionExpiry: 100})
		id := first.AssignedClientID
		if !strings.HasPrefix(id, "auto-") {
			t.Fatalf("%q", id)
		}
		p.nc.Close()
		if _, again := f.connect5(packet.Connect{ClientID: id, SessionExpiry: 100}); !again.SessionPresent || again.AssignedClientID != "" {
			t.Errorf("%+v", again)
		}
	})
}

// TestRefused5 lists refusals of 5.0 and their codes, with those of 3.1.1
// beside them; -1 is no answer.
func TestRefused5(t *testing.T) {
	limits := Limits{MaxQoS: 1, NoRetain: true, MaxSessions: 1, MaxClientID: 30}
	will := func(q core.QoS, retain bool) *packet.Will { return &packet.Will{Topic: "w", QoS: q, Retain: retain} }
	for _, c := range []struct {
		name     string
		req      packet.Connect
		in5, in4 int
		counted  string
	}{
		{"client ID", packet.Connect{ClientID: strings.Repeat("x", 31), CleanStart: true}, 0x85, 2, "client_id"},
		{"QoS of the will", packet.Connect{ClientID: "a", CleanStart: true, Will: will(2, false)}, 0x9B, -1, "will"},
		{"retained will", packet.Connect{ClientID: "a", CleanStart: true, Will: will(1, true)}, 0x9A, -1, "will"},
		{"too many sessions", packet.Connect{ClientID: "b", CleanStart: true}, 0x97, 3, "max_sessions"},
	} {
		for version, code := range map[packet.Version]int{5: c.in5, 4: c.in4} {
			t.Run(c.name+" "+version.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := onPipe(t, limits)
					f.clean5("first")
					p := f.open()
					c.req.Version = version
					p.in.SetVersion(version)
					p.send(c.req)
					if code >= 0 {
						p.want(packet.Connack{Version: version, Code: byte(code)})
					}
					p.wantClosed()
					synctest.Wait()
					f.wantCount("mqtt_connections_refused_total", c.counted, 1)
					f.wantClosed("refused", 1)
				})
			})
		}
	}
}

// TestHostileConnect: what is wrong with a CONNECT of 5.0 is said in the
// CONNACK; 3.1.1 closes without a word [MQTT-4.13.1-1, 3.1.1 MQTT-3.1.4-1].
func TestHostileConnect(t *testing.T) {
	for _, c := range []struct {
		name string
		wire string
		code packet.Reason // 0: no answer
	}{
		{"reserved flag", "\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00", 0x81},
		{"reserved flag, 3.1.1", "\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00", 0},
		{"receive maximum 0", "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x00", 0x82},
		{"cut inside the properties", "\x10\x0b\x00\x04MQTT\x05\x02\x00\x00\x05", 0x81},
		{"authentication method", "\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x04\x15\x00\x01m\x00\x00", 0x8c},
		{"bytes left over", "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00x", 0x81},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.open5()
				_, _ = p.nc.Write([]byte(c.wire))
				if c.code != 0 {
					p.want(packet.Connack{Version: 5, Code: byte(c.code)})
				}
				p.wantClosed()
				synctest.Wait()
				if len(f.broker.places) != 0 || len(f.cluster.claims) != 0 {
					t.Error("something is left")
				}
			})
		})
	}
}
