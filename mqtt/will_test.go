package mqtt

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestWill says when the will of a connection is published, counted in seconds
// from its end; -1 is never. The client stays away unless again is set.
func TestWill(t *testing.T) {
	lost := func(_ *fixture, p *peer) { p.nc.Close() }
	leave := func(reason packet.Reason) func(*fixture, *peer) {
		return func(_ *fixture, p *peer) {
			p.send(packet.Disconnect{Version: p.version, Reason: reason})
			p.wantClosed()
		}
	}
	for _, c := range []struct {
		name   string
		v      packet.Version
		expiry uint32
		delay  uint32
		end    func(*fixture, *peer)
		again  int // seconds until the client comes back; 0: never
		want   int
	}{
		{"lost, 3.1.1", 4, 0, 0, lost, 0, 0},
		{"disconnect, 3.1.1", 4, 0, 0, leave(0), 0, -1},
		{"lost", 5, 100, 0, lost, 0, 0},
		{"disconnect", 5, 100, 0, leave(0), 0, -1},
		{"disconnect with will", 5, 100, 0, leave(packet.DisconnectWithWill), 0, 0},
		{"disconnect with an error", 5, 100, 0, leave(packet.UnspecifiedError), 0, 0},
		{"protocol error", 5, 100, 0, func(_ *fixture, p *peer) { p.send(empty(packet.TypePingresp)); p.wantBye(packet.ProtocolError) }, 0, 0},
		{"delay", 5, 100, 10, lost, 0, 10},
		{"delay longer than the session", 5, 5, 10, lost, 0, 5},
		{"delay, and the session ends at once", 5, 0, 10, lost, 0, 0},
		{"back before the delay", 5, 100, 10, lost, 9, -1},
		{"back after the delay", 5, 100, 10, lost, 11, 10},
		{"disconnect, expiry set to 0", 5, 100, 10, func(_ *fixture, p *peer) {
			p.send(packet.Disconnect{Version: 5, Reason: packet.DisconnectWithWill, SessionExpiry: ptr(uint32(0))})
			p.wantClosed()
		}, 0, 0},
		{"taken over, no delay", 5, 100, 0, func(f *fixture, _ *peer) { f.resume5("a", false) }, 0, 0},
		{"taken over, delay", 5, 100, 10, func(f *fixture, _ *peer) { f.resume5("a", false) }, 0, -1},
		{"taken over by a clean start, delay", 5, 100, 10, func(f *fixture, _ *peer) { f.resume5("a", true) }, 0, 0},
		{"another node, no delay", 5, 100, 0, func(f *fixture, _ *peer) { f.broker.TakenOver("a", core.Token{Stamp: 99}, false) }, 0, 0},
		{"another node, delay", 5, 100, 10, func(f *fixture, _ *peer) { f.broker.TakenOver("a", core.Token{Stamp: 99}, false) }, 0, -1},
		{"another node, clean start", 5, 100, 10, func(f *fixture, _ *peer) { f.broker.TakenOver("a", core.Token{Stamp: 99}, true) }, 0, 0},
		{"away, then another node", 5, 100, 10, func(f *fixture, p *peer) {
			p.nc.Close()
			synctest.Wait()
			f.broker.TakenOver("a", core.Token{Stamp: 99}, false)
		}, 0, -1},
		{"away, then a clean start", 5, 100, 10, func(f *fixture, p *peer) {
			p.nc.Close()
			synctest.Wait()
			f.resume5("a", true)
		}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.open()
				p.version = c.v
				p.in.SetVersion(c.v)
				p.send(packet.Connect{Version: c.v, ClientID: "a", CleanStart: c.expiry == 0, SessionExpiry: c.expiry,
					Will: &packet.Will{Topic: "w", Payload: []byte("gone"), Delay: c.delay}})
				p.connack()
				began := time.Now()
				c.end(f, p)
				if c.again > 0 {
					time.Sleep(time.Duration(c.again) * time.Second)
					f.resume5("a", false)
				}
				f.wantWill(began, c.want)
			})
		})
	}
}

func (f *fixture) resume5(id string, clean bool) *peer {
	f.Helper()
	p, answer := f.connect5(packet.Connect{ClientID: id, CleanStart: clean, SessionExpiry: 100})
	if answer.SessionPresent == clean {
		f.Errorf("%+v", answer)
	}
	return p
}

// wantWill wants it published once, so many seconds after began, or never.
func (f *fixture) wantWill(began time.Time, seconds int) {
	f.Helper()
	at := -1
	for range 200 {
		synctest.Wait()
		if n := len(f.cluster.published("w")); n == 1 && at < 0 {
			at = int(time.Since(began) / time.Second)
		} else if n > 1 {
			f.Fatalf("published %d times", n)
		}
		time.Sleep(time.Second)
	}
	// It is looked for once a second, beginning where the connection has ended.
	if seconds < 0 && at >= 0 || seconds >= 0 && (at < seconds || at > max(seconds, 11)) {
		f.Errorf("published after %d s, want %d", at, seconds)
	}
	want := uint64(1)
	if seconds < 0 {
		want = 0
	}
	f.wantCount("mqtt_wills_published_total", "", want)
}

// TestWillMessage: everything that it has arrives, and its expiry begins when
// it is published [MQTT-3.1.3.2.4].
func TestWillMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		sub := f.clean5("sub")
		sub.subscribeTo(packet.Subscription{Filter: "w", QoS: 2, RetainAsPublished: true})
		props := packet.Properties{ContentType: "text", User: []packet.UserProperty{{Name: "k", Value: "v"}}}.Append(nil)
		p, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 100, Will: &packet.Will{
			Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true, Delay: 50, Expiry: 20, HasExpiry: true, Properties: props}})
		p.nc.Close()
		got := sub.publish()
		if string(got.Payload) != "gone" || got.QoS != 1 || !got.Retain || got.Expiry != 20 || string(got.Properties) != string(props) {
			t.Errorf("%+v", got)
		}
	})
}

// TestWillAtClose: the clients did not disconnect, and without a journal
// nothing is left that could publish a will later.
func TestWillAtClose(t *testing.T) {
	for _, durable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := onPipe(t, Limits{}, func(o *Options) {
				if durable {
					o.Journal = &fakeJournal{}
				}
			})
			for id, delay := range map[string]uint32{"now": 0, "online": 50, "away": 50} {
				p, _ := f.connect5(packet.Connect{ClientID: id, SessionExpiry: 100, Will: &packet.Will{Topic: "w", Payload: []byte(id), Delay: delay}})
				if id == "away" {
					p.nc.Close()
					synctest.Wait()
					continue
				}
				go func() { p.next(packet.TypeDisconnect) }()
			}
			f.broker.Close()
			want := 3
			if durable {
				want = 1
			}
			if got := f.cluster.published("w"); len(got) != want {
				t.Errorf("durable %v: %q", durable, got)
			}
		})
	}
}

// TestWillRefused: it is tried again for a while, then counted.
func TestWillRefused(t *testing.T) {
	for _, after := range []time.Duration{10 * time.Second, 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			f := onPipe(t, Limits{})
			p := f.open()
			p.send(packet.Connect{Version: 4, CleanStart: true, ClientID: "a", Will: &packet.Will{Topic: "w"}})
			p.connack()
			f.cluster.set(func() { f.cluster.err = errors.New("no room") })
			p.nc.Close()
			time.Sleep(after)
			f.cluster.set(func() { f.cluster.err = nil })
			time.Sleep(2 * time.Minute)
			refused := uint64(0)
			if after > willTime {
				refused = 1
			}
			f.wantCount("mqtt_wills_dropped_total", "refused", refused)
			f.wantCount("mqtt_wills_published_total", "", 1-refused)
		})
	}
}
