package session

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"pgregory.net/rapid"
)

// run is a session and its twin on their way through the same random steps,
// with everything that the session recorded.
type run struct {
	s     *Session
	w     *twin
	o     Options
	now   time.Time
	base  State // before the first of ops
	ops   []Op
	store store
}

// store numbers messages, as a log does.
type store struct{ messages []*core.Message }

func (st *store) ref(m *core.Message) uint64 {
	i := slices.Index(st.messages, m)
	if i < 0 {
		i = len(st.messages)
		st.messages = append(st.messages, m)
	}
	return uint64(i)
}

func (st *store) message(n uint64) *core.Message {
	if n >= uint64(len(st.messages)) {
		return nil
	}
	return st.messages[n]
}

// sameState compares states; an empty list and none are the same, messages are
// the same only if they are one.
var sameState = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b *core.Message) bool { return a == b }),
	cmpopts.IgnoreFields(State{}, "At"),
}

func newRun(t *rapid.T) *run {
	l := Limits{
		Inflight: rapid.IntRange(1, 5).Draw(t, "window"), Queue: rapid.IntRange(1, 6).Draw(t, "queue"),
		QueueBytes: rapid.IntRange(10, 60).Draw(t, "bytes"), Receive: rapid.IntRange(1, 3).Draw(t, "receive"),
		Subscriptions: 12, FilterBytes: 40,
	}
	first := rapid.SampledFrom([]uint16{1, 2, 65533, 65535}).Draw(t, "first identifier")
	now := time.Unix(5000, 0)
	r := &run{now: now, base: State{At: now, NextID: first, Expiry: 100}}
	r.o = Options{Limits: l, Record: func(op Op) { r.ops = append(r.ops, op) }}
	r.w = &twin{limits: l, nextID: first, expiry: 100, end: r.now, subs: map[string]core.Subscription{}}
	r.s = r.restored(t, r.base)
	return r
}

func (r *run) restored(t *rapid.T, st State) *Session {
	s, err := Restore(st, st.At, r.o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawMessage(t *rapid.T, now time.Time) *core.Message {
	m := &core.Message{
		Topic: "t", Payload: make([]byte, rapid.IntRange(0, 25).Draw(t, "size")),
		QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain"),
	}
	if left := rapid.IntRange(0, 9).Draw(t, "expiry"); left > 5 {
		m.Extra = &core.Extra{Expires: now.Add(time.Duration(left-6) * 700 * time.Millisecond), Properties: []byte{1, 0}}
	}
	return m
}

func drawPeer(t *rapid.T, now time.Time) Peer {
	p := Peer{
		Version:           rapid.SampledFrom([]packet.Version{packet.Version311, packet.Version5}).Draw(t, "version"),
		ReceiveMaximum:    uint16(rapid.IntRange(0, 6).Draw(t, "receive maximum")),
		MaximumPacketSize: uint32(rapid.SampledFrom([]int{0, 0, 0, 20, 30}).Draw(t, "packet size")),
		Expiry:            rapid.SampledFrom([]uint32{0, 1, 3, 1000, Never}).Draw(t, "session expiry"),
	}
	if rapid.Bool().Draw(t, "with a will") {
		p.Will = &Will{Message: drawMessage(t, now), Delay: uint32(rapid.IntRange(0, 4).Draw(t, "delay"))}
	}
	return p
}

// TestTwin drives both with the same random steps.
func TestTwin(t *testing.T) {
	rapid.Check(t, checkTwin)
}

// FuzzTwin is TestTwin with steps that the fuzzer chooses.
func FuzzTwin(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkTwin)) }

func checkTwin(t *rapid.T) {
	r := newRun(t)
	steps := map[string]func(*rapid.T){
		"deliver": r.deliver, "deliver ": r.deliver, "next": r.next, "next ": r.next, "drain": r.drain,
		"ack": r.ack, "ack ": r.ack, "receive": r.receive, "subscribe": r.subscribe,
		"connect": r.connect, "disconnect": r.disconnect, "wait": r.wait, "will": r.takeWill,
		"move": r.move, "recover": r.recover, "replay": r.replay, "": r.compare,
	}
	t.Repeat(steps)
}

func (r *run) deliver(t *rapid.T) {
	g := core.Grant{QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "granted")), RetainAsPublished: rapid.Bool().Draw(t, "as published")}
	if rapid.Bool().Draw(t, "with identifiers") {
		g.IDs = []uint32{7, 268_435_455}
	}
	m, retained := drawMessage(t, r.now), rapid.Bool().Draw(t, "retained")
	if d, ok := r.s.Direct(r.now, m, g); ok {
		twice := *r.w
		twice.limits.QueueBytes = 1000 // the queue has nothing to do with it
		twice.deliver(r.now, m, g, false)
		if want := twice.next(r.now); words(Out{Delivery: d}) != want || len(twice.waiting) > 0 {
			t.Fatalf("direct: %s, want %s", words(Out{Delivery: d}), want)
		}
	}
	r.s.Deliver(r.now, m, g, retained)
	r.w.deliver(r.now, m, g, retained)
}

func (r *run) next(t *rapid.T) {
	out, ok := r.s.Next(r.now)
	want := r.w.next(r.now)
	if ok != (want != "") || ok && words(out) != want {
		t.Fatalf("%v %s, want %s", ok, words(out), want)
	}
}

func (r *run) drain(t *rapid.T) {
	for range 20 {
		r.next(t)
	}
}

// ack is any acknowledgement, most of them for identifiers that are in use.
func (r *run) ack(t *rapid.T) {
	id := uint16(int(r.w.nextID) - rapid.IntRange(-1, 7).Draw(t, "back"))
	reason := packet.Reason(rapid.SampledFrom([]byte{0, 0, 0x10, 0x80, 0x97}).Draw(t, "reason"))
	var got, want [2]bool
	switch rapid.SampledFrom([]string{"PUBACK", "PUBREC", "PUBREC", "PUBCOMP"}).Draw(t, "type") {
	case "PUBACK":
		got[0], want[0] = r.s.Puback(id), r.w.puback(id)
	case "PUBREC":
		got[0], got[1] = r.s.Pubrec(id, reason)
		want[0], want[1] = r.w.pubrec(id, reason)
	case "PUBCOMP":
		got[0], want[0] = r.s.Pubcomp(id), r.w.pubcomp(id)
	}
	if got != want {
		t.Fatalf("%d: %v, want %v", id, got, want)
	}
}

func (r *run) receive(t *rapid.T) {
	id := uint16(rapid.IntRange(0, 5).Draw(t, "id"))
	var got, want [2]bool
	if rapid.Bool().Draw(t, "release") {
		got[0], want[0] = r.s.Release(id), r.w.forget(id)
	} else {
		foreseen := [2]bool{}
		foreseen[0], foreseen[1] = r.s.Receiving(id)
		if got[0], got[1] = r.s.Receive(id); got != foreseen {
			t.Fatalf("%d: %v, but %v was foreseen", id, got, foreseen)
		}
		want[0], want[1] = r.w.receive(id)
	}
	if got != want {
		t.Fatalf("%d: %v, want %v", id, got, want)
	}
}

func (r *run) subscribe(t *rapid.T) {
	sub := core.Subscription{
		Filter: core.Filter(fmt.Sprintf("f/%02d", rapid.IntRange(0, 15).Draw(t, "filter"))),
		Group:  rapid.SampledFrom([]string{"", "g"}).Draw(t, "group"),
		Grant:  core.Grant{QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), NoLocal: rapid.Bool().Draw(t, "no local")},
	}
	key := string(sub.Filter) + " " + sub.Group
	_, had := r.w.subs[key]
	if rapid.IntRange(0, 2).Draw(t, "unsubscribe") == 0 {
		delete(r.w.subs, key)
		if got := r.s.Unsubscribe(sub.Filter, sub.Group); got != had {
			t.Fatalf("unsubscribe: %v", got)
		}
		return
	}
	n := len(sub.Filter) + len(sub.Group)
	for _, other := range r.w.subs {
		n += len(other.Filter) + len(other.Group)
	}
	want := had || len(r.w.subs) < r.o.Limits.Subscriptions && n <= r.o.Limits.FilterBytes
	if existed, ok := r.s.Subscribe(sub); existed != had || ok != want {
		t.Fatalf("subscribe: %v %v, want %v %v", existed, ok, had, want)
	}
	if want {
		r.w.subs[key] = sub
	}
}

func (r *run) connect(t *rapid.T) {
	if r.s.Over(r.now) && rapid.Bool().Draw(t, "not over") {
		return
	}
	p := drawPeer(t, r.now)
	r.sameWill(t, r.s.Connect(r.now, p), r.w.connect(r.now, p))
}

func (r *run) disconnect(t *rapid.T) {
	e := Ending{DiscardWill: rapid.Bool().Draw(t, "discard"), HasExpiry: rapid.Bool().Draw(t, "has expiry")}
	e.Expiry = uint32(rapid.IntRange(0, 5).Draw(t, "expiry"))
	r.s.Disconnect(r.now, e)
	r.w.disconnect(r.now, e)
}

func (r *run) wait(t *rapid.T) {
	r.now = r.now.Add(time.Duration(rapid.IntRange(1, 2500).Draw(t, "ms")) * time.Millisecond)
}

func (r *run) takeWill(t *rapid.T) {
	due, ok := r.s.NextDue()
	got := r.s.TakeWill(r.now)
	if got != nil && (!ok || due.After(r.now)) {
		t.Fatalf("a will at %v, but the next thing is due at %v", r.now, due)
	}
	r.sameWill(t, got, r.w.takeWill(r.now))
}

func (r *run) sameWill(t *rapid.T, got *core.Message, want *Will) {
	if (got != nil) != (want != nil) || got != nil && got != want.Message {
		t.Fatalf("will %v, want %v", got, want)
	}
}

// move exports the session, encodes it, and restores it.
func (r *run) move(t *rapid.T) {
	r.s.Disconnect(r.now, Ending{})
	r.w.disconnect(r.now, Ending{})
	drops, _ := r.s.TakeDrops()
	st, err := DecodeState(AppendState(nil, r.s.State(r.now), r.store.ref), r.store.message)
	if err != nil {
		t.Fatal(err)
	}
	moved := r.restored(t, st)
	moved.drops, moved.dropped = drops, drops != Drops{}
	if diff := cmp.Diff(r.s.State(r.now), moved.State(r.now), sameState); diff != "" {
		t.Fatal(diff)
	}
	r.s, r.base, r.ops = moved, st, nil
}

func (r *run) recover(*rapid.T) {
	r.s.Recover(r.now)
	r.w.recover(r.now)
}

// replay encodes and replays everything recorded since the last move.
func (r *run) replay(t *rapid.T) {
	s := r.restored(t, r.base)
	for i, op := range r.ops {
		decoded, err := DecodeOp(AppendOp(nil, op, r.store.ref), r.store.message)
		if err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
		if err := s.Apply(decoded); err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
	}
	if diff := cmp.Diff(r.s.State(r.now), s.State(r.now), sameState); diff != "" {
		t.Fatal(diff)
	}
}

// compare compares everything that can be seen without changing anything.
func (r *run) compare(t *rapid.T) {
	want := Size{Subscriptions: len(r.w.subs), Inflight: len(r.w.out), Queue: len(r.w.waiting), Received: len(r.w.received)}
	if got := r.s.Size(); got != want {
		t.Fatalf("size %+v, want %+v", got, want)
	}
	if r.s.drops != r.w.drops || r.s.dropped != (r.w.drops != Drops{}) {
		t.Fatalf("drops %v, want %v", r.s.drops, r.w.drops)
	}
	if r.s.Over(r.now) != r.w.over(r.now) || r.s.Online() != r.w.online || r.s.Expiry() != r.w.expiry {
		t.Fatalf("over %v, online %v, expiry %d", r.s.Over(r.now), r.s.Online(), r.s.Expiry())
	}
	for qos := range core.QoS(3) {
		m, g := &core.Message{Topic: "t", QoS: 2}, core.Grant{QoS: qos}
		// What was acknowledged before it was sent again counts until Next.
		want := r.w.hasRoom(m, qos) && r.s.resent == r.s.inflight.Len()
		if got := r.s.Room(m, g); got != want {
			t.Fatalf("room for QoS %d: %v", qos, got)
		}
	}
	var subs []core.Subscription
	for _, key := range slices.Sorted(maps.Keys(r.w.subs)) {
		subs = append(subs, r.w.subs[key])
	}
	if diff := cmp.Diff(subs, r.s.Subscriptions(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
	if !slices.Equal(r.s.received, r.w.received) || r.s.idAt(r.s.inflight.Len()) != r.w.nextID {
		t.Fatalf("received %v, want %v; next %d", r.s.received, r.w.received, r.w.nextID)
	}
}
