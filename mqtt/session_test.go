package mqtt

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestPersistent goes through the life of a persistent session.
func TestPersistent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{SessionExpiry: time.Hour})
		a, b := f.connect("a", false, false), f.connect("b", true, false)
		a.subscribe("t", 1)
		b.send(publish1("t", "unacknowledged", 1))
		a.want(publish1("t", "unacknowledged", 1))
		b.want(puback(1))
		a.nc.Close()
		synctest.Wait()
		b.send(publish1("t", "queued", 2), publish("t", "dropped"))
		b.want(puback(2))
		synctest.Wait()
		f.wantDropped("qos0_offline", 1)
		time.Sleep(59 * time.Minute)

		a = f.connect("a", false, true)
		again := publish1("t", "unacknowledged", 1)
		again.Dup = true
		a.want(again, publish1("t", "queued", 2))
		a.send(puback(1), puback(2), empty(packet.TypeDisconnect))
		a.wantClosed()
		synctest.Wait()
		if got := f.broker.Clients(); len(got) != 2 || got[0].Connected || got[0].Subscriptions != 1 || got[0].Inflight != 0 {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		f.wantCount("mqtt_sessions_ended_total", "expired", 1)
		if f.cluster.subscriptions() != 0 || len(f.broker.Clients()) != 1 {
			t.Error("the expired session is still there")
		}
		f.connect("a", false, false)
	})
}

// TestSessionPresent lists what a second connection meets.
func TestSessionPresent(t *testing.T) {
	for _, c := range []struct{ firstClean, secondClean, stays, present bool }{
		{false, false, false, true},
		{false, true, false, false},
		{true, false, false, false},
		{true, true, false, false},
		{false, false, true, true},
		{false, true, true, false},
		{true, false, true, false},
		{true, true, true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := onPipe(t, Limits{})
			first := f.connect("a", c.firstClean, false)
			first.subscribe("t", 1)
			if !c.stays {
				first.nc.Close()
				synctest.Wait()
			}
			second := f.connect("a", c.secondClean, c.present)
			first.wantClosed()
			synctest.Wait()
			want := 0
			if c.present {
				want = 1
			}
			if got := f.cluster.subscriptions(); got != want {
				t.Errorf("%+v: %d subscriptions in the cluster", c, got)
			}
			if clients := f.broker.Clients(); len(clients) != 1 || clients[0].Subscriptions != want {
				t.Errorf("%+v: %+v", c, clients)
			}
			second.send(empty(packet.TypePingreq))
			second.want(empty(packet.TypePingresp))
		})
	}
}

// TestTakeoverAfterDisconnect: what a client sent before it connected again is
// still handled, its DISCONNECT too [MQTT-3.14.4-3], though the reader was busy.
func TestTakeoverAfterDisconnect(t *testing.T) {
	for range 20 { // the order of two goroutines decides whether it fails
		synctest.Test(t, takeoverAfterDisconnect)
	}
}

func takeoverAfterDisconnect(t *testing.T) {
	f := onPipe(t, Limits{})
	f.match("t")
	will := &packet.Will{Topic: "will", Payload: []byte("w")}
	first, _ := f.connect5(packet.Connect{ClientID: "a", CleanStart: true, SessionExpiry: 60, Will: will})
	release := f.cluster.blockUntil()
	first.send(five(publish1("t", "1", 1)), packet.Disconnect{Version: 5, SessionExpiry: ptr(uint32(0))})
	second := f.open5()
	second.send(packet.Connect{Version: 5, ClientID: "a"})
	synctest.Wait()
	release()
	if answer := second.connack(); answer.Code != 0 || answer.SessionPresent {
		t.Errorf("CONNACK %+v", answer)
	}
	f.wantClosed("disconnect", 1)
	if got := f.cluster.published("will"); len(got) != 0 {
		t.Errorf("will %q", got)
	}
	second.alive()
}

// TestTakenOver: claims made at another node, by token.
func TestTakenOver(t *testing.T) {
	for _, c := range []struct {
		name                           string
		token                          core.Stamp
		clean, discard, online         bool
		closed                         bool
		subscriptionsLeft, clientsLeft int
	}{
		{"older", 0, false, true, true, false, 1, 1},
		{"equal", 1, false, true, true, false, 1, 1},
		{"later", 2, false, false, true, true, 1, 1},
		{"later, discard", 2, false, true, true, true, 0, 0},
		{"later, clean", 2, true, false, true, true, 0, 0},
		{"away", 2, false, false, false, true, 1, 1},
		{"away, discard", 2, false, true, false, true, 0, 0},
		{"away, older", 0, false, true, false, true, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.connect("a", c.clean, false)
				p.subscribe("t", 1)
				if !c.online {
					p.nc.Close()
					synctest.Wait()
				}
				f.broker.TakenOver("unknown", core.Token{Stamp: 99}, true)
				f.broker.TakenOver("a", core.Token{Stamp: c.token}, c.discard)
				if c.closed {
					p.wantClosed()
				} else {
					p.send(empty(packet.TypePingreq))
					p.want(empty(packet.TypePingresp))
				}
				synctest.Wait()
				if got := f.cluster.subscriptions(); got != c.subscriptionsLeft {
					t.Errorf("%d subscriptions are left", got)
				}
				if got := len(f.broker.Clients()); got != c.clientsLeft {
					t.Errorf("%d clients are left", got)
				}
			})
		})
	}
}

// TestTakenOverWhileClaiming: the other node's later claim comes while ours is
// under way; ours loses and leaves nothing behind.
func TestTakenOverWhileClaiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		f.cluster.onClaim = func(id string) { f.broker.TakenOver(id, core.Token{Stamp: 100}, false) }
		p := f.open()
		p.send(packet.Connect{Version: 4, ClientID: "a"})
		p.wantClosed()
		synctest.Wait()
		f.wantClosed("taken_over", 1)
		if len(f.broker.Clients()) != 0 || len(f.broker.places) != 0 {
			t.Error("something is left")
		}
	})
}

func TestConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		for _, id := range []string{"c", "a", "b", "away"} {
			f.connect(id, false, false)
		}
		f.broker.TakenOver("away", core.Token{Stamp: 50}, false)
		synctest.Wait()
		got := map[string]core.Stamp{}
		f.broker.Connected(func(id string, token core.Token) bool {
			got[id] = token.Stamp
			return len(got) < 2
		})
		if len(got) != 2 || got["a"] != 2 || got["b"] != 3 {
			t.Errorf("%v", got)
		}
	})
}

// TestFlapping: many connections of one client ID at once; one is left, and
// the cluster knows one session.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		for i := range 50 {
			go func() {
				nc, err := f.dial()
				if err != nil {
					return
				}
				defer nc.Close()
				wire := packet.Connect{Version: 4, CleanStart: i%3 == 0, ClientID: "a"}.Append(nil)
				wire = packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "t", QoS: 1}}}.Append(wire)
				_, _ = nc.Write(wire)
				_, _ = nc.Read(make([]byte, 100))
				time.Sleep(time.Second)
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(f.broker.places); n > 1 {
			t.Errorf("%d places", n)
		}
		if n := f.cluster.subscriptions(); n > 1 {
			t.Errorf("%d subscriptions", n)
		}
		f.connect("a", true, false)
		synctest.Wait()
		if n := f.cluster.subscriptions(); n != 0 {
			t.Errorf("%d subscriptions after a clean start", n)
		}
	})
}
