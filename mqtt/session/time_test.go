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

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func expiring(text string, q core.QoS, end time.Time) *core.Message {
	m := message(text, q)
	m.Extra = &core.Extra{Expires: end}
	return m
}

// TestMessageExpiry: a message that waits for too long is not delivered
// [MQTT-3.3.2-5]; one that is says how long it has left [MQTT-3.3.2-6].
func TestMessageExpiry(t *testing.T) {
	s := online(limits, Peer{ReceiveMaximum: 1, Expiry: 100})
	g := core.Grant{QoS: 2}
	for _, m := range []*core.Message{expiring("a", 2, at(10)), expiring("b", 1, at(5)), message("c", 1), expiring("d", 0, at(3))} {
		s.Deliver(start, m, g, false)
	}
	s.Deliver(at(7), expiring("e", 2, at(7)), g, false)
	if drops, _ := s.TakeDrops(); drops != (Drops{Expired: 1}) {
		t.Errorf("expired when it came: %v", drops)
	}
	out, _ := s.Next(at(0.2))
	if d := out.Delivery; !d.HasExpiry || d.Expiry != 10 {
		t.Errorf("a: %+v", d)
	}
	s.Connect(at(20), Peer{ReceiveMaximum: 1, Expiry: 100})
	out, _ = s.Next(at(20))
	if d := out.Delivery; !d.Dup || !d.HasExpiry || d.Expiry != 0 {
		t.Errorf("one whose delivery has begun does not expire: %+v", d)
	}
	s.Pubrec(1, 0)
	s.Pubcomp(1)
	same(t, "b has expired", [2]string{sentAt(s, at(20)), "c#2"})
	s.Puback(2)
	same(t, "and d as well", [2]string{sentAt(s, at(20)), ""})
	// d was QoS 0, and gone with the first connection.
	if drops, _ := s.TakeDrops(); drops != (Drops{Expired: 1, Offline: 1}) {
		t.Errorf("dropped %v", drops)
	}
}

// TestRemaining: whole seconds, begun ones included, within 32 bits.
func TestRemaining(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Hour: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 1 << 62: 4294967295,
	} {
		if got := remaining(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

// TestExpiredMakeRoom: before a full queue evicts a message, those go whose
// time has passed.
func TestExpiredMakeRoom(t *testing.T) {
	var ops []Op
	s := New(Options{Limits: limits, Record: func(op Op) { ops = append(ops, op) }})
	s.Connect(start, Peer{Expiry: 100})
	s.Disconnect(start, Ending{})
	for i, end := range []float64{0, 5, 0, 6, 50} {
		m := message(fmt.Sprint(i), 1)
		if end > 0 {
			m = expiring(fmt.Sprint(i), 1, at(end))
		}
		s.Deliver(start, m, core.Grant{QoS: 1}, false)
	}
	s.Deliver(at(7), message("5", 1), core.Grant{QoS: 1}, false)
	s.Deliver(at(7), message("6", 1), core.Grant{QoS: 1}, false)
	s.Deliver(at(8), message("7", 1), core.Grant{QoS: 1}, false)
	if drops, _ := s.TakeDrops(); drops != (Drops{Expired: 2, QueueFull: 1}) {
		t.Errorf("dropped %v", drops)
	}
	s.Connect(at(8), Peer{})
	same(t, "the rest", [2]string{sentAt(s, at(8)), "2#1 4#2 5#3"})
	replayed := New(Options{})
	for i, op := range ops {
		if err := replayed.Apply(op); err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
	}
	if diff := cmp.Diff(s.State(at(8)), replayed.State(at(8))); diff != "" {
		t.Error(diff)
	}
}

// TestPacketTooLarge: what the client does not take is not sent, and counted
// [MQTT-3.1.2-24, 3.1.2-25].
func TestPacketTooLarge(t *testing.T) {
	small := uint32(packet.Delivery{Message: message("a", 1), QoS: 1, ID: 1}.Size())
	s := online(limits, Peer{MaximumPacketSize: small, Expiry: 100})
	deliver(s, 1, "a", "bb", "c")
	deliver(s, 0, "dddd")
	same(t, "those that fit", [2]string{sent(s), "a#1 c#2"})
	if drops, _ := s.TakeDrops(); drops != (Drops{PacketTooLarge: 2}) {
		t.Errorf("dropped %v", drops)
	}
	s.Connect(start, Peer{Expiry: 100})
	deliver(s, 2, "ee")
	same(t, "no limit", [2]string{sent(s), "a#1dup c#2dup ee##3"})
	s.Connect(start, Peer{MaximumPacketSize: small - 1, Expiry: 100})
	same(t, "a client that knows the QoS 2 one gets its PUBREL", [2]string{sent(s), "rel#3"})
	if drops, _ := s.TakeDrops(); drops != (Drops{PacketTooLarge: 3}) || s.Size().Inflight != 1 {
		t.Errorf("dropped %v, %+v", drops, s.Size())
	}
	s = online(limits, Peer{Expiry: 100})
	deliver(s, 2, "large", "f")
	sent(s)
	s.Pubrec(2, 0)
	s.Connect(start, Peer{MaximumPacketSize: small, Expiry: 100})
	same(t, "also behind a younger PUBREL", [2]string{sent(s), "rel#2 rel#1"})
}

// TestSessionExpiry: 0 ends it with the connection, Never keeps it, and the
// DISCONNECT may change it, but not from 0 [MQTT-3.1.2-23, 3.14.2.2.2].
func TestSessionExpiry(t *testing.T) {
	for _, c := range []struct {
		connect uint32
		ending  Ending
		want    uint32
	}{
		{0, Ending{}, 0}, {10, Ending{}, 10}, {Never, Ending{}, Never},
		{10, Ending{Expiry: 3, HasExpiry: true}, 3}, {10, Ending{Expiry: 0, HasExpiry: true}, 0},
		{10, Ending{Expiry: Never, HasExpiry: true}, Never}, {0, Ending{Expiry: 3, HasExpiry: true}, 0},
	} {
		s := online(limits, Peer{Expiry: c.connect})
		if _, due := s.NextDue(); due || s.Over(at(1e9)) || s.Persistent() != (c.connect > 0) {
			t.Errorf("%+v: over while online", c)
		}
		s.Disconnect(start, c.ending)
		due, some := s.NextDue()
		if s.Expiry() != c.want || some != (c.want != Never) || some && !due.Equal(at(float64(c.want))) {
			t.Errorf("%+v: due at %v", c, due)
		}
		if c.want == Never {
			if s.Over(at(9e9)) {
				t.Errorf("%+v: over", c)
			}
		} else if !s.Over(due) || s.Over(due.Add(-1)) {
			t.Errorf("%+v: over at the wrong time", c)
		}
	}
}

// TestWill: published once, when the connection has ended without DISCONNECT
// 0x00 [MQTT-3.1.2-8, 3.1.2-10], after the delay or with the session
// [MQTT-3.1.3.2.2], and not when the client is back in time [MQTT-3.1.3-9].
// The steps: c connect, t takeover with
// another will, d DISCONNECT, b broken, e end of the session, a digit: so many
// seconds later.
func TestWill(t *testing.T) {
	for _, c := range []struct {
		name          string
		delay, expiry uint32
		steps, want   string
	}{
		{"broken", 0, 100, "cb1", "w"},
		{"DISCONNECT", 0, 100, "cd9", ""},
		{"delayed", 5, 100, "cb4191", "w"},
		{"back in time", 5, 100, "cb4c9", ""},
		{"back in time, and broken again", 5, 100, "cb4cb49", "w"},
		{"back too late", 5, 100, "cb6c", "w"},
		{"back at the last moment", 5, 100, "cb5c", "w"},
		{"the session ends first", 50, 3, "cb29", "w"},
		{"no session", 50, 0, "cb9", "w"},
		{"ended while it waits", 50, 100, "cbe9", "w"},
		{"ended online", 0, 100, "ce9", "w"},
		{"ended after DISCONNECT", 0, 100, "cde9", ""},
		{"taken over", 0, 100, "ctb", "wx"},
		{"taken over, delayed", 5, 100, "ctd9", ""},
	} {
		if got := runWill(c.delay, c.expiry, c.steps); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func runWill(delay, expiry uint32, steps string) (got string) {
	s, now := New(Options{Limits: limits}), start
	note := func(m *core.Message) {
		if m != nil {
			got += string(m.Payload)
		}
	}
	for _, step := range steps {
		switch step {
		case 'c', 't':
			text := map[rune]string{'c': "w", 't': "x"}[step]
			note(s.Connect(now, Peer{Expiry: expiry, Will: &Will{Message: message(text, 1), Delay: delay}}))
		case 'd', 'b':
			s.Disconnect(now, Ending{DiscardWill: step == 'd'})
		case 'e':
			note(s.End(now))
			note(s.End(now))
		default:
			now = now.Add(time.Duration(step-'0') * time.Second)
		}
		note(s.TakeWill(now))
	}
	return got
}

// TestEmptyWill: a will without a message is none.
func TestEmptyWill(t *testing.T) {
	s := online(limits, Peer{Will: &Will{HasExpiry: true}})
	if m := s.End(start); m != nil {
		t.Errorf("published %v", m)
	}
}

// TestWillDue: the will is due before the session is, and counted from its end.
func TestWillDue(t *testing.T) {
	s := online(limits, Peer{Expiry: 10, Will: &Will{Message: message("w", 1), Delay: 4, Expiry: 7, HasExpiry: true}})
	if s.TakeWill(at(99)) != nil {
		t.Error("a will while online")
	}
	s.Disconnect(start, Ending{})
	if due, ok := s.NextDue(); !ok || !due.Equal(at(4)) {
		t.Errorf("due at %v", due)
	}
	m := s.TakeWill(at(5))
	if m == nil || !m.Extra.Expires.Equal(at(12)) {
		t.Errorf("the expiry of a will begins when it is published: %+v", m)
	}
	if due, ok := s.NextDue(); !ok || !due.Equal(at(10)) {
		t.Errorf("due at %v", due)
	}
}

// TestDirect: what may pass the queue by.
func TestDirect(t *testing.T) {
	try := func(s *Session, m *core.Message) bool { _, ok := s.Direct(start, m, core.Grant{QoS: 1}); return ok }
	s := online(limits, Peer{MaximumPacketSize: 10})
	if !try(s, message("a", 0)) || try(s, message("a", 1)) || try(s, message("0123456789", 0)) || try(s, expiring("a", 0, start)) {
		t.Error("a small one of QoS 0 that has not expired")
	}
	deliver(s, 0, "b")
	if try(s, message("a", 0)) || dropsOf(s) > 0 {
		t.Error("it must not overtake")
	}
	if same(t, "b", [2]string{sent(s), "b"}); !try(s, message("a", 0)) {
		t.Error("nothing waits any more")
	}
	s.Disconnect(start, Ending{})
	if try(s, message("a", 0)) {
		t.Error("offline")
	}
}

// TestRoom: of a group, one that is online, has nothing that waits and room in
// its window is to have the message.
func TestRoom(t *testing.T) {
	m := message("a", 2)
	one, zero := core.Grant{QoS: 1}, core.Grant{}
	s := New(Options{Limits: limits})
	if s.Room(m, one) || s.Room(m, zero) {
		t.Error("offline")
	}
	s.Connect(start, Peer{ReceiveMaximum: 2, Expiry: 9})
	for i := range 2 {
		if !s.Room(m, one) {
			t.Errorf("%d of 2", i)
		}
		deliver(s, 1, "a")
	}
	if s.Room(m, one) || s.Room(m, zero) {
		t.Error("two wait")
	}
	sent(s)
	if s.Room(m, one) || !s.Room(m, zero) {
		t.Error("the window is full, the queue empty")
	}
	if s.Puback(1); !s.Room(m, one) || s.Room(message(strings.Repeat("a", 1000), 1), one) {
		t.Error("room for one that is not too large")
	}
	if s.Connect(start, Peer{}); s.Room(m, one) {
		t.Error("one is to be sent again")
	}
}

// TestGate: a QoS 2 message leaves when what fixes its identifier is in the log.
func TestGate(t *testing.T) {
	s := New(Options{Limits: limits, Gated: true})
	s.Connect(start, Peer{})
	deliver(s, 1, "a")
	deliver(s, 2, "b", "c")
	same(t, "QoS 1 is not held back", [2]string{sent(s), "a#1"})
	mark, shut := s.Gate()
	deliver(s, 2, "d")
	if !shut || sent(s) != "" {
		t.Error("b is")
	}
	s.Written(mark)
	same(t, "b and c are in the log", [2]string{sent(s), "b##2 c##3"})
	s.Pubrec(2, 0)
	s.Pubcomp(2)
	same(t, "d is not", [2]string{sent(s), ""})
	s.Written(mark + 99) // more than was ever recorded
	if deliver(s, 2, "e"); sent(s) != "d##4" {
		t.Error("what is recorded later is held back all the same")
	}
	s.Pubcomp(3)
	s.Puback(1)
	mark, _ = s.Gate()
	s.Written(mark)
	if _, shut := s.Gate(); shut || sent(s) != "e##5" {
		t.Error("nothing holds back e")
	}
	s.Disconnect(start, Ending{})
	if _, shut := s.Gate(); shut {
		t.Error("nothing waits for the log while offline")
	}
}

// TestReasonNames: they are the reasons of counters.
func TestReasonNames(t *testing.T) {
	var all []string
	for r := range Reasons + 1 {
		all = append(all, r.String())
	}
	if got := strings.Join(all, " "); got != "qos0_offline queue_full message_too_large packet_too_large expired refused_by_client reason_6" {
		t.Error(got)
	}
}
