package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

var limits = Limits{Inflight: 3, Queue: 5, QueueBytes: 1000, Subscriptions: 2, FilterBytes: 10}

func message(text string, q core.QoS) *core.Message {
	return &core.Message{Topic: "t", Payload: []byte(text), QoS: q}
}

// sent takes everything that the session wants to send, in words such as
// "a#1" or "a#1dup".
func sent(s *Session) string {
	var words []string
	for {
		d, ok := s.Next()
		if !ok {
			return strings.Join(words, " ")
		}
		w := string(d.Message.Payload)
		if d.QoS > 0 {
			w += fmt.Sprintf("#%d", d.ID)
		}
		if d.Dup {
			w += "dup"
		}
		words = append(words, w)
	}
}

func deliver(s *Session, q core.QoS, texts ...string) (dropped int) {
	for _, text := range texts {
		dropped += s.Deliver(message(text, q), q).Count
	}
	return dropped
}

// same compares what was sent, got[0], with what should be, got[1].
func same(t *testing.T, what string, got [2]string) {
	t.Helper()
	if got[0] != got[1] {
		t.Errorf("%s: got %q, want %q", what, got[0], got[1])
	}
}

func TestWindow(t *testing.T) {
	s := New(0, limits)
	s.Connect()
	deliver(s, 1, "a", "b", "c", "d", "e")
	same(t, "full window", [2]string{sent(s), "a#1 b#2 c#3"})
	deliver(s, 0, "f")
	same(t, "QoS 0 does not overtake", [2]string{sent(s), ""})
	if !s.Puback(2) || s.Puback(2) || s.Puback(9) || s.Puback(0) {
		t.Error("only the first PUBACK of 2 is expected")
	}
	same(t, "a gap gives no room", [2]string{sent(s), ""})
	s.Puback(1)
	same(t, "the gap closes", [2]string{sent(s), "d#4 e#5 f"})
	if got := s.Size(); got != (Size{Inflight: 3}) {
		t.Errorf("size %+v", got)
	}
}

func TestResend(t *testing.T) {
	s := New(time.Hour, limits)
	now := time.Unix(0, 0)
	s.Connect()
	deliver(s, 1, "a", "b", "c", "d")
	same(t, "first connection", [2]string{sent(s), "a#1 b#2 c#3"})
	s.Puback(2)
	deliver(s, 0, "x")
	if d := s.Disconnect(now); d != (Drop{Offline, 1}) {
		t.Errorf("dropped %+v", d)
	}
	if d := s.Deliver(message("y", 0), 1); d != (Drop{Offline, 1}) {
		t.Errorf("dropped %+v", d)
	}
	deliver(s, 1, "e")
	s.Connect()
	same(t, "second connection", [2]string{sent(s), "a#1dup c#3dup"})
	s.Puback(1)
	same(t, "room for two", [2]string{sent(s), "d#4 e#5"})
	s.Connect()
	s.Puback(3)
	same(t, "acknowledged before it was sent again", [2]string{sent(s), "d#4dup e#5dup"})
}

func TestQueueFull(t *testing.T) {
	for _, c := range []struct {
		name    string
		limits  Limits
		qos     core.QoS
		texts   []string
		dropped int
		sent    string
	}{
		{"count", Limits{Inflight: 9, Queue: 2, QueueBytes: 1000}, 1, []string{"a", "b", "c"}, 1, "b#1 c#2"},
		{"bytes", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 1, []string{"aaa", "bbb", "ccc"}, 1, "bbb#1 ccc#2"},
		{"one large evicts many", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 1, []string{"a", "b", "ccccccc"}, 2, "ccccccc#1"},
		{"too large", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 1, []string{"a", "123456789"}, 1, "a#1"},
		{"QoS 0 evicts nothing", Limits{Inflight: 9, Queue: 2, QueueBytes: 99}, 0, []string{"a", "b", "c"}, 1, "a b"},
		{"no queue", Limits{Inflight: 9, Queue: 0, QueueBytes: 99}, 1, []string{"a"}, 1, ""},
	} {
		s := New(time.Hour, c.limits)
		s.Connect()
		if got := deliver(s, c.qos, c.texts...); got != c.dropped {
			t.Errorf("%s: %d dropped", c.name, got)
		}
		same(t, c.name, [2]string{sent(s), c.sent})
	}
}

func TestEffectiveQoS(t *testing.T) {
	s := New(time.Hour, limits)
	s.Connect()
	s.Deliver(message("a", 1), 0)
	s.Deliver(message("b", 0), 1)
	s.Deliver(message("c", 1), 1)
	same(t, "the lower one", [2]string{sent(s), "a b c#1"})
}

func TestIdentifiersWrap(t *testing.T) {
	s := New(time.Hour, Limits{Inflight: 1 << 20, Queue: 10, QueueBytes: 100, Subscriptions: 1})
	s.Connect()
	for i := range maxIDs {
		deliver(s, 1, "a")
		if d, ok := s.Next(); !ok || int(d.ID) != i+1 {
			t.Fatalf("message %d: %v %d", i, ok, d.ID)
		}
	}
	deliver(s, 1, "z")
	same(t, "every identifier is in use", [2]string{sent(s), ""})
	s.Puback(1)
	same(t, "the first one again", [2]string{sent(s), "z#1"})
	for id := maxIDs; id >= 1; id-- {
		if !s.Puback(uint16(id)) {
			t.Fatalf("PUBACK %d", id)
		}
	}
	deliver(s, 1, "y")
	same(t, "after all", [2]string{sent(s), "y#2"})
}

func TestSubscriptions(t *testing.T) {
	s := New(time.Hour, limits)
	sub := func(f core.Filter, q core.QoS) bool { return s.Subscribe(packet.Subscription{Filter: f, QoS: q}) }
	if !sub("b", 0) || !sub("a", 1) || sub("c", 1) || !sub("b", 1) {
		t.Error("two filters are allowed, and one of them again")
	}
	all := []packet.Subscription{{Filter: "a", QoS: 1}, {Filter: "b", QoS: 1}}
	if diff := cmp.Diff(all, s.Subscriptions()); diff != "" {
		t.Error(diff)
	}
	if !s.Unsubscribe("a") || s.Unsubscribe("a") || sub("1234567890", 0) || !sub("123456789", 0) {
		t.Error("room for 9 bytes after an unsubscribe")
	}
}

func TestOver(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, expiry := range []time.Duration{0, time.Hour} {
		s := New(expiry, limits)
		s.Connect()
		if s.Over(now) || s.Persistent() != (expiry > 0) {
			t.Errorf("%v: over while online", expiry)
		}
		s.Disconnect(now)
		if !s.Over(now.Add(expiry)) || expiry > 0 && s.Over(now.Add(expiry-1)) {
			t.Errorf("%v: wrong end", expiry)
		}
	}
}
