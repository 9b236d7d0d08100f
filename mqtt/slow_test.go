package mqtt

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// fill delivers n messages of 100 bytes to the only subscriber.
func (f *fixture) fill(q core.QoS, from, n int) {
	for i := from; i < from+n; i++ {
		f.deliver(message("t", q, padded(i)))
	}
}

func padded(i int) string { return fmt.Sprintf("%-100d", i) }

// TestSlowConsumer: QoS 0 beyond the buffer is dropped and counted, QoS 1
// waits, and nothing that is sent is out of order.
func TestSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{OutBuffer: 1000})
		p := f.connect("a", true, false)
		p.subscribe("t", 1)
		f.fill(0, 0, 1)
		synctest.Wait() // the flusher now waits for the client with message 0
		f.fill(0, 1, 30)
		f.wantDropped("slow_consumer", 20) // ten of 105 bytes reach the limit
		f.fill(1, 100, 20)
		f.fill(0, 200, 5)
		f.wantDropped("slow_consumer", 25)
		for i := range 11 {
			p.want(publish("t", padded(i)))
		}
		for i := range 20 {
			p.want(publish1("t", padded(100+i), uint16(i+1)))
		}
		p.silent(time.Second)
		f.wantCount("mqtt_deliveries_total", "", 56)
	})
}

// TestMixedOrder: QoS 0 does not overtake QoS 1 that waits for the window.
func TestMixedOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxInflight: 1})
		p := f.connect("a", true, false)
		p.subscribe("t", 1)
		f.fill(1, 0, 2)
		f.fill(0, 2, 1)
		f.fill(1, 3, 1)
		p.want(publish1("t", padded(0), 1))
		p.silent(time.Second)
		p.send(puback(1))
		p.want(publish1("t", padded(1), 2), publish("t", padded(2)))
		p.send(puback(2))
		p.want(publish1("t", padded(3), 3))
	})
}

// TestQueueFull: the oldest messages go, counted.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxInflight: 1, MaxQueue: 3})
		p := f.connect("a", false, false)
		p.subscribe("t", 1)
		p.nc.Close()
		synctest.Wait()
		f.fill(1, 0, 10)
		f.wantDropped("queue_full", 7)
		p = f.connect("a", false, true)
		p.want(publish1("t", padded(7), 1))
		p.silent(time.Second)
		if got := f.broker.Clients()[0]; got.Inflight != 1 || got.Queue != 2 {
			t.Errorf("%+v", got)
		}
		f.connect("a", true, false)
		synctest.Wait()
		f.wantDropped("session_ended", 2)
	})
}

// TestStuckConsumer: a client that reads nothing for the write timeout is cut
// off.
func TestStuckConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.connect("a", true, false)
		p.subscribe("t", 1)
		began := time.Now()
		f.fill(0, 0, 1)
		time.Sleep(29 * time.Second)
		f.wantClosed("write_failed", 0)
		time.Sleep(2 * time.Second)
		f.wantClosed("write_failed", 1)
		p.wantClosed()
		if took := time.Since(began); took > 32*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// TestReplyFlood: a client that asks and does not read makes its own reading
// stop, at a bounded number of replies.
func TestReplyFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.connect("a", true, false)
		p.send(empty(packet.TypePingreq))
		synctest.Wait() // the first answer waits for the client, and the others behind it
		p.nc.SetWriteDeadline(time.Now().Add(time.Second))
		pings := []byte(strings.Repeat("\xc0\x00", 100_000))
		if n, err := p.nc.Write(pings); !os.IsTimeout(err) || n > 2*replyLimit {
			t.Errorf("%d bytes were taken: %v", n, err)
		}
		synctest.Wait()
		f.wantCount("mqtt_reads_paused_total", "unanswered", 1)
		for range replyLimit / 2 {
			p.want(empty(packet.TypePingresp))
		}
	})
}

// TestTooLargeToSend: a message that no PUBLISH can hold is dropped.
func TestTooLargeToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{})
		p := f.connect("a", true, false)
		p.subscribe("t", 0)
		m := message("t", 0, "")
		m.Payload = make([]byte, 268_435_455)
		f.deliver(m)
		f.wantDropped("message_too_large", 1)
		p.silent(time.Second)
	})
}
