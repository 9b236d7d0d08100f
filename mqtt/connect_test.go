package mqtt

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{},
		{Cluster: newFakeCluster(), Limits: Limits{MaxPacket: -1}},
		{Cluster: newFakeCluster(), Limits: Limits{MaxInflight: 65536}},
		{Cluster: newFakeCluster(), Limits: Limits{MaxQueueBytes: 10}},
		{Cluster: newFakeCluster(), Limits: Limits{SessionExpiry: -1}},
	} {
		if _, err := New(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o.Limits, err)
		}
	}
}

// TestConnect sends first packets and says what comes back before the end.
func TestConnect(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		name   string
		first  []byte
		answer appender // nil: closed without a word
		reason string
	}{
		{"clean", packet.Connect{Version: 4, CleanStart: true, ClientID: "a"}.Append(nil), packet.Connack{}, ""},
		{"persistent", packet.Connect{Version: 4, ClientID: "a"}.Append(nil), packet.Connack{}, ""},
		{"no ID, clean", packet.Connect{Version: 4, CleanStart: true}.Append(nil), packet.Connack{}, ""},
		{"no ID, persistent", packet.Connect{Version: 4}.Append(nil), packet.Connack{Code: 2}, "refused"},
		{"long ID", packet.Connect{Version: 4, ClientID: long}.Append(nil), packet.Connack{Code: 2}, "refused"},
		{"version 6", []byte("\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x00"), packet.Connack{Version: 5, Code: 0x84}, "refused"},
		{"version 3.1", []byte("\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"), packet.Connack{Code: 1}, "refused"},
		{"not MQTT", []byte("\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00"), nil, "protocol_violation"},
		{"PINGREQ first", []byte{0xc0, 0}, nil, "protocol_violation"},
		{"rubbish", []byte("GET / HTTP/1.1\r\n\r\n"), nil, "malformed_packet"},
		{"cut", []byte{0x10, 20, 0, 4, 'M'}, nil, "connect_timeout"},
		{"nothing", nil, nil, "connect_timeout"},
		{"too large", []byte{0x10, 0xff, 0xff, 0xff, 0x7f}, nil, "packet_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.open()
				began := time.Now()
				// What is not read any more fails to be written; both are right.
				_, _ = p.nc.Write(c.first)
				if c.answer != nil {
					p.want(c.answer)
				}
				if c.reason == "" {
					p.send(empty(packet.TypePingreq))
					p.want(empty(packet.TypePingresp))
					return
				}
				p.wantClosed()
				synctest.Wait()
				f.wantClosed(c.reason, 1)
				took := time.Since(began)
				if c.reason == "connect_timeout" && took != 5*time.Second || c.reason != "connect_timeout" && took != 0 {
					t.Errorf("closed after %v", took)
				}
			})
		})
	}
}

// TestGeneratedID: two clients without an ID are two clients.
func TestGeneratedID(t *testing.T) {
	f := onTCP(t, Limits{})
	f.connect("", true, false)
	f.connect("", true, false)
	all := f.broker.Clients()
	if len(all) != 2 || all[0].ClientID == all[1].ClientID || !strings.HasPrefix(all[0].ClientID, "auto-") {
		t.Errorf("%+v", all)
	}
}

// TestKeepAlive: silence of 1.5 times the keep-alive ends a connection; any
// packet begins the time anew; bytes of one that does not end do not.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.open()
		p.send(packet.Connect{Version: 4, CleanStart: true, ClientID: "a", KeepAlive: 10})
		p.want(packet.Connack{})
		for range 3 {
			time.Sleep(14 * time.Second)
			p.send(empty(packet.TypePingreq))
			p.want(empty(packet.TypePingresp))
		}
		began := time.Now()
		for _, b := range []byte{0x30, 50, 0} {
			time.Sleep(3 * time.Second)
			if _, err := p.nc.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		p.wantClosed()
		synctest.Wait()
		f.wantClosed("keep_alive", 1)
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// TestKeepAliveLongPacket: a packet that makes progress is not silence, and
// without a keep-alive nothing is.
func TestKeepAliveLongPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.open()
		p.send(packet.Connect{Version: 4, CleanStart: true, ClientID: "a", KeepAlive: 1})
		p.want(packet.Connack{})
		wire := publish("t", strings.Repeat("x", 100_000)).Append(nil)
		for len(wire) > 0 {
			n := min(len(wire), 5000)
			if _, err := p.nc.Write(wire[:n]); err != nil {
				t.Fatal(err)
			}
			wire = wire[n:]
			time.Sleep(time.Second)
		}
		p.send(empty(packet.TypePingreq))
		p.want(empty(packet.TypePingresp))

		quiet := f.connect("b", true, false)
		quiet.silent(1000 * time.Hour)
		quiet.send(empty(packet.TypePingreq))
		quiet.want(empty(packet.TypePingresp))
	})
}

func TestLimitsOfConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxSessions: 2})
		f.connect("a", false, false)
		f.connect("b", false, false)
		p := f.open()
		p.send(packet.Connect{Version: 4, ClientID: "c"})
		p.want(packet.Connack{Code: packet.RefusedUnavailable})
		p.wantClosed()
		f.connect("a", false, true)
		f.wantCount("mqtt_connections_refused_total", "max_sessions", 1)
	})
}
