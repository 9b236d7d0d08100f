package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// unacknowledged is how many bytes a node holds for another.
func (n *testNode) unacknowledged(to *testNode) (held int) {
	n.peersNow()[to.opts.Saved.UID].eachOut(func(l *outLane) { held += l.held() })
	return held
}

// Nobody waits for the acknowledgement of a few messages at QoS 0: it comes with
// the next probe. That of many bytes, of QoS 1, or of what is retained comes at
// once, and takes all before it along.
func TestAcknowledgedWhenAwaited(t *testing.T) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		b.sub("#")
		send := func(topic core.Topic, payload string, qos core.QoS, retain bool) {
			if err := a.from("p", core.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: retain}, func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		probes := time.NewTicker(dataProbe) // what follows lies between two of them
		<-probes.C
		probes.Stop()
		time.Sleep(dataProbe / 4)
		few := strings.Repeat("x", 100)
		send("t", few, 0, false)
		if a.unacknowledged(b) == 0 {
			t.Error("one message at QoS 0 was acknowledged by itself")
		}
		send("t", few, 1, false)
		if held := a.unacknowledged(b); held != 0 {
			t.Errorf("%d bytes are held after a message at QoS 1", held)
		}
		send("t", few, 0, false)
		send("t", few, 0, true)
		if held := a.unacknowledged(b); held != 0 {
			t.Errorf("%d bytes are held after a message to be retained", held)
		}
		for range untoldMost/len(few) + 1 {
			send("t", few, 0, false)
		}
		if held := a.unacknowledged(b); held > untoldMost {
			t.Errorf("%d bytes are held", held)
		}
		time.Sleep(2 * dataProbe)
		if held := a.unacknowledged(b); held != 0 {
			t.Errorf("%d bytes are held after a probe", held)
		}
	})
}

// A node that stops asks how far the others have got, and does not wait for
// their next probe.
func TestStopAsksForAcknowledgements(t *testing.T) {
	t.Run("of what is written", func(t *testing.T) { stopAsks(t, true) })
	t.Run("of what is not written yet", func(t *testing.T) { stopAsks(t, false) })
}

func stopAsks(t *testing.T, written bool) {
	bubble(t, func(c *cluster) {
		a, b := c.two()
		in := b.sub("#")
		time.Sleep(dataProbe / 4) // between two probes
		if err := a.from("p", core.Message{Topic: "t"}, func() {}); err != nil {
			t.Fatal(err)
		}
		if written { // else the first question may overtake it
			synctest.Wait()
			if a.unacknowledged(b) == 0 {
				t.Error("it was acknowledged without a question")
			}
		}
		began := time.Now()
		a.halt()
		if took := time.Since(began); took > 100*time.Millisecond || len(in.take()) != 1 {
			t.Errorf("it took %s", took)
		}
		if left := a.unacknowledged(b); left != 0 {
			t.Errorf("%d bytes were not acknowledged", left)
		}
	})
}
