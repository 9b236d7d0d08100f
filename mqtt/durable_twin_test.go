package mqtt

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
	"github.com/muster-mqtt/muster/mqtt/session"
	"pgregory.net/rapid"
)

// logWorld is some sessions with their log, in which checkpoints begin and end
// between any two changes.
type logWorld struct {
	d       *durable
	j       *memJournal
	now     time.Time
	clients map[string]*client
	serial  int

	left    []*sessionLog // of the checkpoint that runs
	running bool
	began   int // length of the log when it did

	base   int // where the last whole checkpoint began: what was before is deleted
	whole  int // where it ended
	states map[int]map[string]session.State
}

// TestLog: after any change, through any number of checkpoints, the log gives
// exactly the sessions that there are; and every beginning of it gives some.
func TestLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &logWorld{j: &memJournal{}, now: time.Unix(1000, 0), clients: map[string]*client{}, states: map[int]map[string]session.State{}}
		w.d = newDurable(w.j)
		w.d.now = func() time.Time { return w.now }
		if _, err := w.d.finish(nil); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": w.note, "open": w.open, "end": w.end, "connection": w.connection, "deliver": w.deliver, "deliver ": w.deliver,
			"client": w.client, "begin": w.begin, "piece": w.piece, "piece ": w.piece,
		})
		for n, want := range w.states {
			if n >= w.base {
				w.check(t, n, want)
			}
		}
		for n := w.whole; n <= len(w.j.log); n++ {
			w.replay(t, n)
		}
	})
}

// note keeps what the log must give from here on.
func (w *logWorld) note(*rapid.T) {
	all := map[string]session.State{}
	for id, cl := range w.clients {
		st := cl.session.State(w.now)
		if cl.log.scope == scopeWill {
			st = session.State{At: st.At, Online: st.Online, Expiry: st.Expiry, NextID: 1, Will: st.Will}
		}
		all[id] = st
	}
	w.states[len(w.j.log)] = all
}

func (w *logWorld) check(t *rapid.T, n int, want map[string]session.State) {
	got := map[string]session.State{}
	for _, r := range w.replay(t, n) {
		got[r.log.client] = r.session.State(w.now)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("after %d of %d records, from %d on: %s", n, len(w.j.log), w.base, diff)
	}
}

// replay recovers from the first n records.
func (w *logWorld) replay(t *rapid.T, n int) map[uint64]*recovered {
	d := newDurable(w.j)
	for _, r := range w.j.log[w.base:n] {
		if err := d.recover(r.kind, r.record, logLimits); err != nil {
			t.Fatalf("after %d records from %d on: %v", n, w.base, err)
		}
	}
	for _, err := range d.recovering.broken {
		t.Fatalf("after %d records from %d on: %v", n, w.base, err)
	}
	return d.recovering.sessions
}

var logLimits = session.Limits{Inflight: 4, Queue: 10, QueueBytes: 1000, Receive: 4, Subscriptions: 4, FilterBytes: 100}

func (w *logWorld) pick(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client")
}

// open begins a session in the place of another one.
func (w *logWorld) open(t *rapid.T) {
	id := w.pick(t)
	will := rapid.Bool().Draw(t, "will")
	expiry := rapid.SampledFrom([]uint32{0, 100}).Draw(t, "expiry")
	w.drop(id)
	cl := &client{id: id}
	cl.log = w.d.open(cl, scopeOf(expiry, will))
	if cl.log == nil {
		return
	}
	cl.session = session.New(cl.log.options(session.Options{Limits: logLimits}))
	cl.log.opened(cl.session, w.now)
	cl.session.Connect(w.now, w.peer(expiry, will))
	w.clients[id] = cl
}

func (w *logWorld) peer(expiry uint32, will bool) session.Peer {
	p := session.Peer{Version: packet.Version5, Expiry: expiry}
	if will {
		p.Will = &session.Will{Message: w.message(1), Delay: 10}
	}
	return p
}

func (w *logWorld) message(q core.QoS) *core.Message {
	w.serial++
	return &core.Message{Topic: "t", QoS: q, Payload: fmt.Append(nil, w.serial)}
}

func (w *logWorld) end(t *rapid.T) { w.drop(w.pick(t)) }

func (w *logWorld) drop(id string) {
	if cl := w.clients[id]; cl != nil {
		cl.session.End(w.now)
		cl.ended = true
		delete(w.clients, id)
	}
}

// connection ends or begins one.
func (w *logWorld) connection(t *rapid.T) {
	cl := w.clients[w.pick(t)]
	switch {
	case cl == nil:
	case cl.session.Online():
		cl.session.Disconnect(w.now, session.Ending{DiscardWill: rapid.Bool().Draw(t, "discard")})
		if cl.session.Over(w.now) {
			w.drop(cl.id)
		}
	default:
		cl.session.Connect(w.now, w.peer(100, rapid.Bool().Draw(t, "will")))
	}
}

// deliver gives a message to all.
func (w *logWorld) deliver(t *rapid.T) {
	m := w.message(core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")))
	for _, id := range []string{"a", "b", "c"} {
		if cl := w.clients[id]; cl != nil {
			cl.session.Deliver(w.now, m, core.Grant{QoS: 2}, false)
		}
	}
}

// client is what a client may do.
func (w *logWorld) client(t *rapid.T) {
	cl := w.clients[w.pick(t)]
	if cl == nil || !cl.session.Online() {
		return
	}
	id := uint16(rapid.IntRange(1, 6).Draw(t, "identifier"))
	if mark, shut := cl.session.Gate(); shut {
		cl.session.Written(mark)
	}
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		cl.session.Puback(id)
	case 1:
		cl.session.Pubrec(id, 0)
	case 2:
		cl.session.Pubcomp(id)
	case 3:
		cl.session.Receive(id)
	case 4:
		cl.session.Release(id)
	case 5:
		cl.session.Subscribe(core.Subscription{Filter: core.Filter(fmt.Sprint("f", id))})
	case 6:
		cl.session.Unsubscribe(core.Filter(fmt.Sprint("f", id)), "")
	default:
		cl.session.Next(w.now)
	}
}

// begin begins a checkpoint.
func (w *logWorld) begin(*rapid.T) {
	if !w.running {
		w.running, w.began = true, len(w.j.log)
		w.left = w.d.begin()
	}
}

// piece writes a session, or ends the checkpoint: what was before it goes.
func (w *logWorld) piece(*rapid.T) {
	switch {
	case !w.running:
	case len(w.left) > 0:
		w.left[0].again()
		w.left = w.left[1:]
	default:
		w.d.shared.all = nil
		w.running, w.base, w.whole = false, w.began, len(w.j.log)
		for n := range w.states {
			if n < len(w.j.log) {
				delete(w.states, n)
			}
		}
	}
}
