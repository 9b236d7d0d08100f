package mqtt

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// TestReadAhead: while the cluster does not take a message, acknowledgements
// and PINGREQs pass, keep-alive does not run, and everything else waits and
// keeps its order.
func TestReadAhead(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		f := onPipe(t, Limits{})
		f.match("t")
		p := f.open()
		p.version = v
		p.in.SetVersion(v)
		p.send(packet.Connect{Version: v, CleanStart: true, ClientID: "p", KeepAlive: 2})
		p.connack()
		p.subscribe("mine", 2)
		f.deliver(message("mine", 1, "x"))
		f.deliver(message("mine", 2, "y"))
		p.want(p.as(publish1("mine", "x", 1)), p.as(publish2("mine", "y", 2)))

		release := f.cluster.blockUntil()
		p.send(p.as(publish1("t", "1", 1)), puback(1), p.as(publish1("t", "2", 2)), empty(packet.TypePingreq))
		p.want(empty(packet.TypePingresp))
		p.silent(time.Minute)
		p.send(packet.Subscribe{Version: v, ID: 3, Subscriptions: []packet.Subscription{{Filter: "f"}}}, pubrec(2))
		p.want(pubrel(2))
		p.send(pubcomp(2), p.as(publish1("t", "3", 4)))
		p.alive()
		f.deliver(message("mine", 1, "z"))
		p.want(p.as(publish1("mine", "z", 3)))
		release()
		p.want(puback(1), puback(2), packet.Suback{Version: v, ID: 3, Codes: []byte{0}}, puback(4))
		if got := strings.Join(f.cluster.published("t"), ""); got != "123" {
			t.Errorf("published %s", got)
		}
		f.wantCount("mqtt_reads_ahead_total", "", 1)
		p.alive()
		p.silent(2 * time.Second) // and the keep-alive counts again
		if v == packet.Version5 {
			p.wantBye(packet.KeepAliveTimeout)
		} else {
			p.wantClosed()
		}
	})
}

// blockUntil has publishes wait until it is called back.
func (f *fakeCluster) blockUntil() (release func()) {
	gate := make(chan struct{})
	f.set(func() { f.gate = gate })
	return func() {
		f.set(func() { f.gate = nil })
		close(gate)
	}
}

// TestReadAheadPaused: the same while a client of 3.1.1 has too many messages
// that are not acknowledged.
func TestReadAheadPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{ReceiveMaximum: 2})
		f.cluster.hold = true
		p := f.connect("p", true, false)
		p.send(publish1("t", "", 1), publish1("t", "", 2), publish1("t", "", 3))
		p.alive()
		synctest.Wait()
		for range 3 {
			for _, held := range f.cluster.takeHeld() {
				held()
			}
			synctest.Wait()
		}
		p.want(puback(1), puback(2), puback(3))
		p.alive()
	})
}

// TestReadAheadBound: no more than so much is kept, whatever comes, and then
// the client waits.
func TestReadAheadBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.connect("p", true, false)
		release := f.cluster.blockUntil()
		sent := 0
		p.nc.SetWriteDeadline(time.Now().Add(time.Minute))
		for ; sent < 1000; sent++ {
			if _, err := p.nc.Write(publish1("t", strings.Repeat("x", 1000), 1).Append(nil)); err != nil {
				break
			}
		}
		if sent < 50 || sent > 100 {
			t.Errorf("%d messages were taken", sent)
		}
		release()
	})
}

// TestReadAheadEnds lists how a connection may end while it reads ahead; the
// publish that waits ends with it, or goes on.
func TestReadAheadEnds(t *testing.T) {
	for name, end := range map[string]func(f *fixture, p *peer){
		"lost":          func(_ *fixture, p *peer) { p.nc.Close() },
		"taken over":    func(f *fixture, _ *peer) { f.clean5("p") },
		"inside":        func(f *fixture, p *peer) { p.send(raw("\x30\x05\x00")); f.clean5("p") },
		"malformed":     func(_ *fixture, p *peer) { p.send(raw("\x00")) },
		"disconnect":    func(_ *fixture, p *peer) { p.send(packet.Disconnect{Version: 5}) },
		"broker closed": func(f *fixture, _ *peer) { f.broker.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				p := f.clean5("p")
				release := f.cluster.blockUntil()
				first, second := publish1("t", "1", 1), publish1("t", "2", 2)
				if name == "lost" {
					// A PUBACK that nobody takes would end the connection, before
					// or after the second message.
					first, second = publish("t", "1"), publish("t", "2")
				}
				p.send(p.as(first), p.as(second), empty(packet.TypePingreq))
				p.want(empty(packet.TypePingresp))
				go func() { // what comes is read, so that nobody waits for that
					for err := error(nil); err == nil; {
						_, err = p.in.Next()
					}
				}()
				end(f, p)
				synctest.Wait()
				release()
				synctest.Wait()
				want := 0
				switch name {
				case "malformed", "disconnect", "lost":
					want = 2 // they were sent before
				}
				if got := f.cluster.published("t"); len(got) != want {
					t.Errorf("published %q", got)
				}
			})
		})
	}
}

// TestReadAheadStorm lets publishes wait and go on at random while a client
// sends all the time; nothing is lost or out of order. Over TCP, for the race
// detector.
func TestReadAheadStorm(t *testing.T) {
	const n = 3000
	f := onTCP(t, Limits{})
	p := f.clean5("p")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				f.cluster.blockUntil()()
			}
		}
	}()
	go func() {
		var wire []byte
		for i := range n {
			wire = p.as(publish1("t", string(rune('a'+i%26)), uint16(i%500+1))).Append(wire[:0])
			wire = packet.AppendEmpty(wire, packet.TypePingreq)
			if _, err := p.nc.Write(wire); err != nil {
				return
			}
		}
	}()
	for acks, pongs := 0, 0; acks < n || pongs < n; {
		got, err := p.in.Next()
		switch {
		case err != nil:
			t.Fatal(err)
		case got.Type == packet.TypePingresp:
			pongs++
		default:
			if a, _ := got.Ack(); int(a.ID) != acks%500+1 {
				t.Fatalf("PUBACK %d is for %d", acks, a.ID)
			}
			acks++
		}
	}
	close(stop)
	<-stopped
	for i, payload := range f.cluster.published("t") {
		if payload != string(rune('a'+i%26)) {
			t.Fatalf("message %d is %s", i, payload)
		}
	}
}
