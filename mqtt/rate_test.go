package mqtt

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
	"pgregory.net/rapid"
)

// TestBucket: over any stretch of time no more passes than rate times time,
// the bucket, and one take.
func TestBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 1000).Draw(t, "rate")
		began := time.Unix(1000, 0)
		now := began
		b := newBucket(rate, now)
		total, largest := 0, 0
		for range rapid.IntRange(1, 50).Draw(t, "takes") {
			n := rapid.IntRange(0, 3000).Draw(t, "n")
			total, largest = total+n, max(largest, n)
			wait := b.take(now, n)
			if wait < 0 {
				t.Fatalf("wait %v", wait)
			}
			if most := now.Sub(began).Seconds()*float64(rate) + float64(rate+largest) + 1; float64(total) > most {
				t.Fatalf("%d passed, at most %f", total, most)
			}
			now = now.Add(wait + time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms"))*time.Millisecond)
		}
	})
	var none bucket
	if none.take(time.Now(), 1<<40) != 0 {
		t.Error("no rate is a limit")
	}
}

// TestRates: messages and bytes beyond the rate of a listener are read later,
// and nothing is lost; other packets pass at any rate of messages.
func TestRates(t *testing.T) {
	for _, c := range []struct {
		name    string
		opts    ListenerOptions
		count   int
		payload string
		least   time.Duration
		most    time.Duration
	}{
		{"messages", ListenerOptions{MessageRate: 10}, 50, "", 4 * time.Second, 5 * time.Second},
		{"bytes", ListenerOptions{ByteRate: 1000}, 50, strings.Repeat("x", 95), 4 * time.Second, 5 * time.Second},
		{"no limit", ListenerOptions{}, 500, "", 0, 0},
		{"below", ListenerOptions{MessageRate: 100, ByteRate: 100_000}, 50, "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{})
				ln := newPipeListener()
				c.opts.ID = "limited"
				f.serve(ln, c.opts)
				f.dial = ln.dial
				p := f.open()
				p.send(packet.Connect{Version: 4, CleanStart: true, ClientID: "a", KeepAlive: 1})
				p.connack()
				began := time.Now()
				for range c.count {
					p.send(publish("t", c.payload))
				}
				p.alive()
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("took %v", took)
				}
				if got := len(f.cluster.published("t")); got != c.count {
					t.Errorf("%d published", got)
				}
				if paused := f.count("mqtt_reads_paused_total", "rate") > 0; paused != (c.least > 0) {
					t.Error("not counted")
				}
			})
		})
	}
}

// TestConnectRate: connections beyond the rate are taken later.
func TestConnectRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		ln := newPipeListener()
		f.serve(ln, ListenerOptions{ID: "limited", ConnectRate: 5})
		f.dial = ln.dial
		began := time.Now()
		for range 20 {
			f.connect("", true, false)
		}
		if took := time.Since(began); took < 2800*time.Millisecond || took > 3200*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if f.count("mqtt_accepts_delayed_total", "") == 0 {
			t.Error("not counted")
		}
	})
}
