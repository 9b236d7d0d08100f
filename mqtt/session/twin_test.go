package session

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// twin is a session written as plainly as possible: lists, searched.
type twin struct {
	limits  Limits
	online  bool
	nextID  uint16
	window  []twinSent // oldest first; the first one is not acknowledged
	resend  []uint16
	waiting []Queued
}

type twinSent struct {
	id    uint16
	m     *core.Message
	acked bool
}

func (w *twin) bytes() (n int) {
	for _, q := range w.waiting {
		n += len(q.Message.Topic) + len(q.Message.Payload)
	}
	return n
}

func (w *twin) deliver(m *core.Message, granted core.QoS) (dropped int) {
	qos := min(m.QoS, granted)
	size := len(m.Topic) + len(m.Payload)
	if qos == 0 && !w.online || size > w.limits.QueueBytes {
		return 1
	}
	for len(w.waiting) >= w.limits.Queue || w.bytes()+size > w.limits.QueueBytes {
		if qos == 0 {
			return dropped + 1
		}
		w.waiting = w.waiting[1:]
		dropped++
	}
	w.waiting = append(w.waiting, Queued{m, qos})
	return dropped
}

func (w *twin) next() (m *core.Message, id uint16, dup bool) {
	for len(w.resend) > 0 {
		id, w.resend = w.resend[0], w.resend[1:]
		for _, s := range w.window {
			if s.id == id && !s.acked {
				return s.m, id, true
			}
		}
	}
	if len(w.waiting) == 0 || w.waiting[0].QoS > 0 && len(w.window) >= w.limits.Inflight {
		return nil, 0, false
	}
	q := w.waiting[0]
	w.waiting = w.waiting[1:]
	if q.QoS == 0 {
		return q.Message, 0, false
	}
	id = w.nextID
	w.nextID = w.nextID%65535 + 1
	w.window = append(w.window, twinSent{id: id, m: q.Message})
	return q.Message, id, false
}

func (w *twin) puback(id uint16) (known bool) {
	for i, s := range w.window {
		if s.id == id && !s.acked {
			w.window[i].acked, known = true, true
		}
	}
	for len(w.window) > 0 && w.window[0].acked {
		w.window = w.window[1:]
	}
	return known
}

func (w *twin) connect() {
	w.online = true
	w.resend = nil
	for _, s := range w.window {
		w.resend = append(w.resend, s.id)
	}
}

func (w *twin) disconnect() (dropped int) {
	w.online = false
	before := len(w.waiting)
	w.waiting = slices.DeleteFunc(w.waiting, func(q Queued) bool { return q.QoS == 0 })
	return before - len(w.waiting)
}

// TestTwin drives both with the same random steps; now and then the session
// is exported and restored in between.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{
			Inflight: rapid.IntRange(1, 5).Draw(t, "window"), Queue: rapid.IntRange(1, 6).Draw(t, "queue"),
			QueueBytes: rapid.IntRange(10, 60).Draw(t, "bytes"), Subscriptions: 9,
		}
		first := rapid.SampledFrom([]uint16{1, 2, 65533, 65535}).Draw(t, "first identifier")
		now := time.Unix(0, 0)
		s, err := Restore(State{NextID: first, Expiry: time.Hour}, now, l)
		if err != nil {
			t.Fatal(err)
		}
		w := &twin{limits: l, nextID: first}
		t.Repeat(steps(&s, w, l))
	})
}

func steps(sp **Session, w *twin, l Limits) map[string]func(*rapid.T) {
	now := time.Unix(0, 0)
	same := func(t *rapid.T, got, want int) {
		if got != want {
			t.Fatalf("%d dropped, want %d", got, want)
		}
	}
	return map[string]func(*rapid.T){
		"deliver": func(t *rapid.T) {
			m := &core.Message{Topic: "t", Payload: make([]byte, rapid.IntRange(0, 25).Draw(t, "size")),
				QoS: core.QoS(rapid.IntRange(0, 1).Draw(t, "qos"))}
			same(t, (*sp).Deliver(m, 1).Count, w.deliver(m, 1))
		},
		"next": func(t *rapid.T) {
			if !w.online {
				return
			}
			m, id, dup := w.next()
			d, ok := (*sp).Next()
			if ok != (m != nil) || d.Message != m || d.ID != id || d.Dup != dup {
				t.Fatalf("got %v %+v, want %p %d %v", ok, d, m, id, dup)
			}
		},
		"puback": func(t *rapid.T) {
			id := uint16(int(w.nextID) - rapid.IntRange(-1, 7).Draw(t, "back"))
			if got, want := (*sp).Puback(id), w.puback(id); got != want {
				t.Fatalf("PUBACK %d: %v", id, got)
			}
		},
		"connect":    func(*rapid.T) { (*sp).Connect(); w.connect() },
		"disconnect": func(t *rapid.T) { same(t, (*sp).Disconnect(now).Count, w.disconnect()) },
		"move": func(t *rapid.T) {
			same(t, (*sp).Disconnect(now).Count, w.disconnect())
			moved, err := Restore((*sp).State(now), now, l)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff((*sp).State(now), moved.State(now)); diff != "" {
				t.Fatal(diff)
			}
			*sp = moved
		},
		"": func(t *rapid.T) {
			if (*sp).Size() != (Size{Inflight: len(w.window), Queue: len(w.waiting)}) {
				t.Fatalf("size %+v, want %d %d", (*sp).Size(), len(w.window), len(w.waiting))
			}
		},
	}
}
