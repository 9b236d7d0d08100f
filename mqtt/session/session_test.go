package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

var limits = Limits{Inflight: 3, Queue: 5, QueueBytes: 1000, Receive: 2, Subscriptions: 2, FilterBytes: 10}

// start is the time at which tests begin.
var start = time.Unix(1000, 0)

func message(text string, q core.QoS) *core.Message {
	return &core.Message{Topic: "t", Payload: []byte(text), QoS: q}
}

// online returns a session with a connection.
func online(l Limits, p Peer) *Session {
	s := New(Options{Limits: l})
	s.Connect(start, p)
	return s
}

// sent takes everything that the session wants to send, in words such as a
// (QoS 0), a#1 or a#1dup, b##2 (QoS 2), and rel#2.
func sent(s *Session) string { return sentAt(s, start) }

func sentAt(s *Session, now time.Time) string {
	var all []string
	for {
		out, ok := s.Next(now)
		if !ok {
			return strings.Join(all, " ")
		}
		all = append(all, word(out))
	}
}

func word(out Out) string {
	if out.Pubrel > 0 {
		return fmt.Sprintf("rel#%d", out.Pubrel)
	}
	d := out.Delivery
	w := string(d.Message.Payload) + strings.Repeat("#", int(d.QoS))
	if d.QoS > 0 {
		w += fmt.Sprint(d.ID)
	}
	if d.Dup {
		w += "dup"
	}
	return w
}

// deliver delivers messages of a QoS and returns how many the session dropped.
func deliver(s *Session, q core.QoS, texts ...string) (dropped uint32) {
	for _, text := range texts {
		s.Deliver(start, message(text, q), core.Grant{QoS: q}, false)
	}
	return dropsOf(s)
}

func dropsOf(s *Session) (n uint32) {
	drops, _ := s.TakeDrops()
	for _, d := range drops {
		n += d
	}
	return n
}

// same compares what was sent, got[0], with what should be, got[1].
func same(t *testing.T, what string, got [2]string) {
	t.Helper()
	if got[0] != got[1] {
		t.Errorf("%s: got %q, want %q", what, got[0], got[1])
	}
}

// TestWindow: the window is the lower of the client's Receive Maximum and our
// own limit [MQTT-4.9.0-1], and QoS 2 counts until PUBCOMP.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		receiveMaximum uint16
		want           string
	}{{0, "a#1 b#2 c#3"}, {2, "a#1 b#2"}, {100, "a#1 b#2 c#3"}} {
		s := online(limits, Peer{ReceiveMaximum: c.receiveMaximum})
		deliver(s, 1, "a", "b", "c", "d", "e")
		same(t, fmt.Sprint(c.receiveMaximum), [2]string{sent(s), c.want})
		deliver(s, 0, "f")
		same(t, "QoS 0 does not overtake", [2]string{sent(s), ""})
	}
	s := online(limits, Peer{ReceiveMaximum: 1})
	deliver(s, 2, "a", "b")
	same(t, "one", [2]string{sent(s), "a##1"})
	s.Pubrec(1, 0)
	same(t, "PUBREC gives no room", [2]string{sent(s), ""})
	s.Pubcomp(1)
	same(t, "PUBCOMP does", [2]string{sent(s), "b##2"})
	s.Pubrec(2, 0x97)
	deliver(s, 2, "c")
	same(t, "PUBREC of an error does", [2]string{sent(s), "c##3"})
}

// TestWindowGap: a client that leaves a message out keeps the rest of its
// window, up to a bound on the identifiers between.
func TestWindowGap(t *testing.T) {
	s := online(limits, Peer{})
	deliver(s, 1, "a")
	sent(s)
	for i := 2; i <= s.maxSpan(); i++ {
		deliver(s, 1, "b")
		same(t, "room", [2]string{sent(s), fmt.Sprintf("b#%d", i)})
		s.Puback(uint16(i))
	}
	deliver(s, 1, "c")
	same(t, "no more identifiers", [2]string{sent(s), ""})
	s.Puback(1)
	same(t, "all free again", [2]string{sent(s), fmt.Sprintf("c#%d", s.maxSpan()+1)})
}

// TestResend [MQTT-4.4.0-1]: the same identifiers, in order, with DUP, as far
// as the new window allows; PUBREL where PUBREC had come.
func TestResend(t *testing.T) {
	s := online(limits, Peer{Expiry: 100})
	deliver(s, 2, "a")
	deliver(s, 1, "b")
	deliver(s, 2, "c", "d")
	same(t, "first connection", [2]string{sent(s), "a##1 b#2 c##3"})
	s.Pubrec(1, 0)
	s.Disconnect(start, Ending{})
	deliver(s, 1, "e")
	s.Connect(start, Peer{Expiry: 100})
	same(t, "second connection", [2]string{sent(s), "rel#1 b#2dup c##3dup"})
	s.Puback(2)
	same(t, "room for one", [2]string{sent(s), "d##4"})
	s.Pubrec(3, 0)
	s.Connect(start, Peer{Expiry: 100, ReceiveMaximum: 1})
	same(t, "PUBREL is not held back", [2]string{sent(s), "rel#1 rel#3"})
	s.Pubcomp(1)
	same(t, "a narrow window", [2]string{sent(s), ""})
	s.Pubcomp(3)
	same(t, "room again", [2]string{sent(s), "d##4dup"})
	s.Connect(start, Peer{Expiry: 100})
	if known, pubrel := s.Pubrec(4, 0); !known || !pubrel {
		t.Error("an acknowledgement before the message was sent again counts")
	}
	same(t, "its PUBREL was the answer", [2]string{sent(s), "e#5"})
}

// TestResendOvertaken: acknowledgements that come while messages and PUBRELs are
// being sent again leave the others in their turn.
func TestResendOvertaken(t *testing.T) {
	resumed := func() *Session {
		s := online(Limits{Inflight: 9, Queue: 9, QueueBytes: 99}, Peer{Expiry: 9})
		deliver(s, 1, "a")
		deliver(s, 2, "b", "c", "d")
		sent(s)
		s.Pubrec(2, 0)
		s.Pubrec(3, 0)
		s.Connect(start, Peer{Expiry: 9})
		return s
	}
	s := resumed()
	s.Pubcomp(2)
	s.Pubcomp(3)
	same(t, "no PUBREL is owed any more", [2]string{sent(s), "a#1dup d##4dup"})
	s = resumed()
	out, _ := s.Next(start)
	same(t, "the first", [2]string{word(out), "rel#2"})
	s.Puback(1)
	s.Pubcomp(2)
	same(t, "the others", [2]string{sent(s), "rel#3 d##4dup"})
}

// TestHostileAcks: acknowledgements of the wrong kind, of unknown identifiers
// and out of turn change nothing.
func TestHostileAcks(t *testing.T) {
	s := online(limits, Peer{})
	deliver(s, 1, "a")
	deliver(s, 2, "b", "c")
	sent(s)
	s.Pubrec(3, 0)
	before := s.State(start)
	pubrec := func(id uint16) bool { known, pubrel := s.Pubrec(id, 0x80); return known || pubrel }
	for what, known := range map[string]bool{
		"PUBACK 0": s.Puback(0), "PUBACK 4": s.Puback(4), "PUBACK of QoS 2": s.Puback(2), "PUBACK after PUBREC": s.Puback(3),
		"PUBREC 0": pubrec(0), "PUBREC 65535": pubrec(65535), "PUBREC of QoS 1": pubrec(1),
		"PUBCOMP 0": s.Pubcomp(0), "PUBCOMP of QoS 1": s.Pubcomp(1), "PUBCOMP before PUBREC": s.Pubcomp(2),
	} {
		if known {
			t.Errorf("%s: taken", what)
		}
	}
	if diff := cmp.Diff(before, s.State(start)); diff != "" || dropsOf(s) > 0 {
		t.Error(diff)
	}
	known, pubrel := s.Pubrec(3, 0)
	if !known || !pubrel {
		t.Error("PUBREC again wants PUBREL again")
	}
	if !s.Puback(1) || s.Puback(1) || !s.Pubcomp(3) || s.Pubcomp(3) {
		t.Error("each is taken once")
	}
}

func TestQueueFull(t *testing.T) {
	for _, c := range []struct {
		name    string
		limits  Limits
		qos     core.QoS
		texts   []string
		dropped uint32
		sent    string
	}{
		{"count", Limits{Inflight: 9, Queue: 2, QueueBytes: 1000}, 1, []string{"a", "b", "c"}, 1, "b#1 c#2"},
		{"bytes", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 1, []string{"aaa", "bbb", "ccc"}, 1, "bbb#1 ccc#2"},
		{"one large evicts many", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 2, []string{"a", "b", "ccccccc"}, 2, "ccccccc##1"},
		{"too large", Limits{Inflight: 9, Queue: 9, QueueBytes: 9}, 1, []string{"a", "123456789"}, 1, "a#1"},
		{"QoS 0 evicts nothing", Limits{Inflight: 9, Queue: 2, QueueBytes: 99}, 0, []string{"a", "b", "c"}, 1, "a b"},
		{"no queue", Limits{Inflight: 9, Queue: 0, QueueBytes: 99}, 1, []string{"a"}, 1, ""},
		{"no window becomes one of 1", Limits{Queue: 9, QueueBytes: 99}, 1, []string{"a", "b"}, 0, "a#1"},
	} {
		s := online(c.limits, Peer{})
		if got := deliver(s, c.qos, c.texts...); got != c.dropped {
			t.Errorf("%s: %d dropped", c.name, got)
		}
		same(t, c.name, [2]string{sent(s), c.sent})
	}
}

// TestGrant: the effective QoS is the lower one [MQTT-3.8.4-8]; the retain flag
// is that of a retained message, or as published if the subscription says so
// [MQTT-3.3.1-8, 3.3.1-12, 3.3.1-13]; identifiers and version come along.
func TestGrant(t *testing.T) {
	for _, c := range []struct {
		name         string
		qos, granted core.QoS
		retain       bool
		asPublished  bool
		retained     bool
		want         core.QoS
		wantRetain   bool
		identifiers  []uint32
		version      packet.Version
		dropsOffline bool
	}{
		{name: "lower granted", qos: 2, granted: 1, want: 1, version: packet.Version311},
		{name: "lower published", qos: 1, granted: 2, want: 1, version: packet.Version5, identifiers: []uint32{3, 9}},
		{name: "live", qos: 1, granted: 1, retain: true, want: 1},
		{name: "as published", qos: 1, granted: 1, retain: true, asPublished: true, want: 1, wantRetain: true},
		{name: "as published without", qos: 1, granted: 1, asPublished: true, want: 1},
		{name: "retained", qos: 2, granted: 2, retain: true, retained: true, want: 2, wantRetain: true},
		{name: "QoS 0", qos: 0, granted: 2, dropsOffline: true, identifiers: []uint32{1}},
	} {
		m := &core.Message{Topic: "t", QoS: c.qos, Retain: c.retain}
		g := core.Grant{QoS: c.granted, RetainAsPublished: c.asPublished, IDs: c.identifiers}
		s := online(limits, Peer{Version: c.version})
		s.Deliver(start, m, g, c.retained)
		out, _ := s.Next(start)
		want := packet.Delivery{Message: m, QoS: c.want, ID: uint16(min(c.want, 1)), Retain: c.wantRetain, IDs: c.identifiers, Version: c.version}
		if diff := cmp.Diff(Out{Delivery: want}, out); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		s = New(Options{Limits: limits})
		s.Deliver(start, m, g, c.retained)
		if drops, some := s.TakeDrops(); some != c.dropsOffline || drops[Offline] > 1 {
			t.Errorf("%s: offline: %v", c.name, drops)
		}
	}
}

func TestIdentifiersWrap(t *testing.T) {
	s := online(Limits{Inflight: 1 << 20, Queue: 10, QueueBytes: 100, Subscriptions: 1}, Peer{})
	for i := range maxIDs {
		deliver(s, 1, "a")
		if out, ok := s.Next(start); !ok || int(out.Delivery.ID) != i+1 {
			t.Fatalf("message %d: %v %d", i, ok, out.Delivery.ID)
		}
	}
	deliver(s, 1, "z")
	same(t, "every identifier is in use", [2]string{sent(s), ""})
	s.Puback(2)
	same(t, "the first one is still in use", [2]string{sent(s), ""})
	s.Puback(1)
	same(t, "the first one again", [2]string{sent(s), "z#1"})
	s.Puback(1)
	for id := maxIDs; id >= 3; id-- {
		if !s.Puback(uint16(id)) {
			t.Fatalf("PUBACK %d", id)
		}
	}
	deliver(s, 1, "y")
	same(t, "after all", [2]string{sent(s), "y#2"})
}

func TestSubscriptions(t *testing.T) {
	s := New(Options{Limits: limits})
	sub := func(f core.Filter, group string, q core.QoS) [2]bool {
		existed, ok := s.Subscribe(core.Subscription{Filter: f, Group: group, Grant: core.Grant{QoS: q}})
		return [2]bool{existed, ok}
	}
	got := [][2]bool{sub("b", "", 0), sub("b", "g", 1), sub("c", "", 1), sub("b", "", 2)}
	want := [][2]bool{{false, true}, {false, true}, {false, false}, {true, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all := []core.Subscription{{Filter: "b", Grant: core.Grant{QoS: 2}}, {Filter: "b", Group: "g", Grant: core.Grant{QoS: 1}}}
	if diff := cmp.Diff(all, s.Subscriptions()); diff != "" {
		t.Error(diff)
	}
	if !s.Unsubscribe("b", "g") || s.Unsubscribe("b", "g") || sub("1234567890", "", 0)[1] || !sub("12345678", "x", 0)[1] {
		t.Error("room for 9 bytes after an unsubscribe")
	}
}

// TestManySubscriptions: a map joins in when they are many, and agrees.
func TestManySubscriptions(t *testing.T) {
	s := New(Options{Limits: Limits{Subscriptions: 100, FilterBytes: 1000}})
	var want []string
	for round := range 3 {
		for i := range 20 {
			s.Subscribe(core.Subscription{Filter: core.Filter(fmt.Sprint(i)), Grant: core.Grant{QoS: core.QoS(round)}})
		}
		for i := 0; i < 20; i += 2 + round {
			s.Unsubscribe(core.Filter(fmt.Sprint(i)), "")
		}
	}
	for i := range 20 {
		if i%4 != 0 {
			want = append(want, fmt.Sprint(i))
		}
	}
	slices.Sort(want)
	for i, sub := range s.Subscriptions() {
		if string(sub.Filter) != want[i] || sub.QoS != 2 {
			t.Errorf("%d: %+v, want %s", i, sub, want[i])
		}
	}
	for _, f := range want {
		if !s.Unsubscribe(core.Filter(f), "") {
			t.Errorf("%s is not there", f)
		}
	}
	if s.filterBytes != 0 || s.index != nil || s.subs != nil {
		t.Errorf("%d bytes, %v, %v are left", s.filterBytes, s.index, s.subs)
	}
}

// TestReceive: QoS 2 messages of the client, once each, bounded.
func TestReceive(t *testing.T) {
	s := online(limits, Peer{Expiry: 9})
	try := func(id uint16, duplicate, ok bool) {
		t.Helper()
		if d, o := s.Receive(id); d != duplicate || o != ok {
			t.Errorf("%d: %v %v", id, d, o)
		}
	}
	try(0, false, false)
	try(7, false, true)
	try(7, true, true)
	s.Disconnect(start, Ending{})
	s.Connect(start, Peer{Expiry: 9})
	try(7, true, true)
	try(1, false, true)
	try(2, false, false) // more than our receive maximum
	if !s.Release(7) || s.Release(7) || s.Release(0) {
		t.Error("released once")
	}
	try(2, false, true)
	if got := s.State(start).Received; !slices.Equal(got, []uint16{1, 2}) {
		t.Error(got)
	}
}

// TestEmptySession: what a million idle sessions cost.
func TestEmptySession(t *testing.T) {
	if size := unsafe.Sizeof(Session{}); size > 400 {
		t.Errorf("%d bytes", size)
	}
	if n := testing.AllocsPerRun(100, func() { online(limits, Peer{}) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// TestNoAllocations: rings are reused, deliveries are values.
func TestNoAllocations(t *testing.T) {
	s := online(Limits{Inflight: 64, Queue: 1000, QueueBytes: 1 << 20}, Peer{})
	m, g := message("0123456789", 2), core.Grant{QoS: 2}
	for _, qos := range []core.QoS{0, 1, 2} {
		g.QoS = qos
		if n := testing.AllocsPerRun(1000, func() { exchange(s, m, g) }); n > 0 {
			t.Errorf("QoS %d: %v allocations", qos, n)
		}
	}
}

func exchange(s *Session, m *core.Message, g core.Grant) {
	s.Deliver(start, m, g, false)
	out, _ := s.Next(start)
	switch out.Delivery.QoS {
	case 1:
		s.Puback(out.Delivery.ID)
	case 2:
		s.Pubrec(out.Delivery.ID, 0)
		s.Pubcomp(out.Delivery.ID)
	}
}

// BenchmarkExchange takes a message through queue and window.
func BenchmarkExchange(b *testing.B) {
	for _, qos := range []core.QoS{0, 1, 2} {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			s := online(Limits{Inflight: 64, Queue: 1000, QueueBytes: 1 << 20}, Peer{})
			m := &core.Message{Topic: "sensors/42", Payload: make([]byte, 64), QoS: 2}
			b.ReportAllocs()
			for b.Loop() {
				exchange(s, m, core.Grant{QoS: qos})
			}
		})
	}
}
