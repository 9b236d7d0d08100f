package mqtt

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// memJournal is a journal in memory, all of which is written at once.
type memJournal struct {
	mu      sync.Mutex
	log     []logged
	batches []int // to which batch each record belongs; a kill leaves all of one behind or nothing
	batch   int
	holds   int
}

type logged struct {
	kind   byte
	record []byte
}

var _ core.Journal = (*memJournal)(nil)

// journalOf is a journal in which there is something already.
func journalOf(log []logged) *memJournal {
	return &memJournal{log: log, batches: make([]int, len(log))}
}

func (j *memJournal) Append(kind byte, record []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.holds == 0 {
		j.batch++
	}
	j.log = append(j.log, logged{kind, slices.Clone(record)})
	j.batches = append(j.batches, j.batch)
}

func (j *memJournal) Hold()    { j.hold(1) }
func (j *memJournal) Release() { j.hold(-1) }

func (j *memJournal) hold(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.holds == 0 || j.holds+n == 0 {
		j.batch++
	}
	j.holds += n
}

func (j *memJournal) Written(done func()) { done() }

func (j *memJournal) records() []logged {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.log)
}

// kinds counts the records of a kind.
func (j *memJournal) kinds(kind byte) (n int) {
	for _, r := range j.records() {
		if r.kind == kind {
			n++
		}
	}
	return n
}

// checkpoint makes b write everything, and forgets what was before.
func (j *memJournal) checkpoint(t testing.TB, b *Broker) {
	t.Helper()
	at := len(j.records())
	if err := b.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log, j.batches = j.log[at:], j.batches[at:]
}

// keeping is a broker that keeps its sessions in a journal.
func keeping(t testing.TB, l Limits) (*fixture, *memJournal) {
	t.Helper()
	j := &memJournal{}
	f := onPipe(t, l, func(o *Options) { o.Journal = j })
	if err := f.broker.Resume(joined()); err != nil {
		t.Fatal(err)
	}
	return f, j
}

// joined is a channel that says that the node is in its cluster.
func joined() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// restart is another broker, after a kill, with what the first had written.
func (f *fixture) restart(j *memJournal, in <-chan struct{}) (*fixture, *memJournal) {
	f.Helper()
	next := journalOf(j.records())
	g := onPipe(f.TB, f.options.Limits, func(o *Options) { o.Journal = next })
	for _, r := range j.records() {
		if err := g.broker.Recover(r.kind, r.record); err != nil {
			f.Fatal(err)
		}
	}
	if err := g.broker.Resume(in); err != nil {
		f.Fatal(err)
	}
	return g, next
}

// stay opens a session of 5.0 that outlives its connection.
func (f *fixture) stay(id string, present bool) *peer {
	f.Helper()
	p, answer := f.connect5(packet.Connect{ClientID: id, SessionExpiry: 3600})
	if answer.Code != 0 || answer.SessionPresent != present {
		f.Fatalf("CONNACK %+v", answer)
	}
	return p
}

// spread has a message delivered to every subscriber.
func (f *fixture) spread(m *core.Message) { f.cluster.deliver(m) }

// drain reads QoS 1 and 2 messages, as words such as a#1 or a#1dup, and
// acknowledges those of QoS 1 if ack.
func (p *peer) drain(n int, ack bool) string {
	p.Helper()
	var words []string
	for range n {
		d, err := p.next(packet.TypePublish).Publish()
		if err != nil {
			p.Fatal(err)
		}
		w := fmt.Sprintf("%s#%d", d.Payload, d.ID)
		if d.Dup {
			w += "dup"
		}
		words = append(words, w)
		if ack && d.QoS == 1 {
			p.send(packet.Ack{Version: p.version, Type: packet.TypePuback, ID: d.ID})
		}
	}
	return strings.Join(words, " ")
}

func (f *fixture) same(what, got, want string) {
	f.Helper()
	if got != want {
		f.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// TestRestart: a session, its subscriptions, what was sent, what waits and the
// identifiers of both directions survive a kill.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{MaxInflight: 2})
		p := f.stay("a", false)
		p.send(packet.Subscribe{Version: p.version, ID: 1, Subscriptions: []packet.Subscription{{Filter: "t", QoS: 2}}})
		p.next(packet.TypeSuback)
		for i, text := range []string{"one", "two", "three", "four"} {
			f.spread(message("t", core.QoS(1+i%2), text))
		}
		f.same("before", p.drain(2, false), "one#1 two#2")
		p.send(packet.Publish{Version: p.version, Topic: []byte("elsewhere"), Payload: []byte("x"), QoS: 2, ID: 9})
		p.next(packet.TypePubrec)
		g, _ := f.restart(j, joined())
		if n := g.cluster.subscriptions(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		g.wantCount("mqtt_sessions_recovered_total", "", 1)
		g.spread(message("t", 1, "five"))
		p = g.stay("a", true)
		f.same("sent again", p.drain(2, false), "one#1dup two#2dup")
		p.send(puback(1))
		f.same("perhaps sent", p.drain(1, false), "three#3dup")
		p.send(packet.Publish{Version: p.version, Topic: []byte("elsewhere"), Payload: []byte("x"), QoS: 2, ID: 9, Dup: true})
		p.next(packet.TypePubrec)
		if got := g.cluster.published("elsewhere"); len(got) != 0 {
			t.Errorf("published again: %q", got)
		}
	})
}

// TestRestartOrder: nothing that a session acknowledged to its client comes
// back, over many kills and checkpoints.
func TestRestartOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		f.stay("a", false).subscribe("t", 1)
		for round := range 5 {
			text := fmt.Sprint("m", round)
			f.spread(message("t", 1, text+"x"))
			f.spread(message("t", 1, text+"y"))
			if round%2 == 0 {
				j.checkpoint(t, f.broker)
			}
			f, j = f.restart(j, joined())
			p := f.stay("a", true)
			first := uint16(1 + 2*round)
			f.same(text, p.drain(2, true), fmt.Sprintf("%sx#%ddup %sy#%ddup", text, first, text, first+1))
			p.send(empty(packet.TypePingreq))
			p.next(packet.TypePingresp)
		}
	})
}

// TestRestartExpiry: the time that the process was away counts, by the wall
// clock, for sessions and for messages.
func TestRestartExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		for _, id := range []string{"short", "long"} {
			expiry := uint32(100)
			if id == "long" {
				expiry = 1000
			}
			p, _ := f.connect5(packet.Connect{ClientID: id, SessionExpiry: expiry})
			p.subscribe("t", 1)
			p.nc.Close()
		}
		synctest.Wait()
		m := message("t", 1, "expires")
		m.Extra = &core.Extra{Expires: time.Now().Add(250 * time.Second)}
		f.spread(m)
		f.spread(message("t", 1, "stays"))
		j = journalOf(j.records()) // the kill
		time.Sleep(200 * time.Second)
		g, j2 := f.restart(j, joined())
		synctest.Wait()
		g.wantCount("mqtt_sessions_ended_total", "expired", 1)
		if n := g.cluster.subscriptions(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		time.Sleep(100 * time.Second)
		g.stay("short", false)
		f.same("left", g.stay("long", true).drain(1, false), "stays#1")
		time.Sleep(1000 * time.Second)
		h, _ := g.restart(j2, joined())
		synctest.Wait()
		if n := len(h.broker.Clients()); n != 2 {
			t.Errorf("%d sessions: both were connected when the process was killed", n)
		}
	})
}

// TestRestartWills: the wills of clients that were connected when the process
// was killed are published by the next one, once, when it has joined.
func TestRestartWills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		will := func(topic string, delay uint32) *packet.Will {
			return &packet.Will{Topic: core.Topic(topic), Payload: []byte("gone"), QoS: 1, Delay: delay}
		}
		for _, c := range []packet.Connect{
			{ClientID: "clean", CleanStart: true, Will: will("w/clean", 0)},
			{ClientID: "stays", SessionExpiry: 1000, Will: will("w/stays", 0)},
			{ClientID: "delayed", SessionExpiry: 1000, Will: will("w/delayed", 100)},
			{ClientID: "returns", SessionExpiry: 1000, Will: will("w/returns", 100)},
			{ClientID: "no will", CleanStart: true},
		} {
			f.connect5(c)
		}
		left, _ := f.connect5(packet.Connect{ClientID: "left", CleanStart: true, Will: will("w/left", 0)})
		left.send(packet.Disconnect{Version: left.version})
		left.wantClosed()
		synctest.Wait()
		in := make(chan struct{})
		g, j2 := f.restart(j, in)
		wills := func(g *fixture) (out []string) {
			synctest.Wait()
			for _, w := range []string{"clean", "stays", "delayed", "returns", "left"} {
				if n := len(g.cluster.published(core.Topic("w/" + w))); n > 0 {
					out = append(out, fmt.Sprint(w, n))
				}
			}
			return out
		}
		f.same("before it has joined", fmt.Sprint(wills(g)), "[]")
		close(in)
		f.same("when it has", fmt.Sprint(wills(g)), "[clean1 stays1]")
		f.same("sessions", fmt.Sprint(len(g.broker.Clients())), "3")
		time.Sleep(50 * time.Second)
		g.connect5(packet.Connect{ClientID: "returns", SessionExpiry: 1000})
		h, _ := g.restart(j2, nil)
		time.Sleep(resumeWait)
		f.same("again, without a cluster", fmt.Sprint(wills(h)), "[]")
		time.Sleep(100 * time.Second)
		f.same("with their delay", fmt.Sprint(wills(h)), "[delayed1]")
	})
}

// TestFanOutOnce: a message that goes to many sessions is written once, then
// and at a checkpoint.
func TestFanOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		for i := range 20 {
			f.stay(fmt.Sprint("c", i), false).subscribe("t", 1)
		}
		for i := range 100 {
			f.spread(message("t", 1, fmt.Sprint(i)))
		}
		if n := j.kinds(recordMessage); n != 100 {
			t.Errorf("%d messages were written", n)
		}
		j.checkpoint(t, f.broker)
		if n := j.kinds(recordMessage); n != 100 {
			t.Errorf("%d messages were written by the checkpoint", n)
		}
		g, _ := f.restart(j, joined())
		f.same("after it", g.stay("c7", true).drain(3, false), "0#1dup 1#2dup 2#3dup")
	})
}

// TestNothingRecorded: sessions that end with their connections, without a
// will, cost the journal nothing.
func TestNothingRecorded(t *testing.T) {
	f, j := keeping(t, Limits{})
	p := f.clean5("a")
	p.subscribe("t", 2)
	f.spread(message("t", 1, "x"))
	p.drain(1, true)
	p.send(packet.Publish{Version: p.version, Topic: []byte("u"), QoS: 2, ID: 9})
	p.next(packet.TypePubrec)
	if n := len(j.records()); n != 0 {
		t.Errorf("%d records", n)
	}
}

// TestReplacedSession: a kill between a clean start and the end of the session
// that it replaced leaves one session, the new one, and publishes the will of
// the old one.
func TestReplacedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := keeping(t, Limits{})
		p, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 100, Will: &packet.Will{Topic: "w", Payload: []byte("gone"), Delay: 50}})
		p.subscribe("old", 1)
		p.nc.Close()
		synctest.Wait()
		before := len(j.records())
		q, _ := f.connect5(packet.Connect{ClientID: "a", SessionExpiry: 100, CleanStart: true})
		q.subscribe("new", 1)
		synctest.Wait()
		kept := j.records()[:before]
		for _, r := range j.records()[before:] { // all but the end of the old one
			if r.kind != recordOp || r.record[0] != 1 {
				kept = append(kept, r)
			}
		}
		in := make(chan struct{})
		g, _ := f.restart(journalOf(kept), in)
		if n := g.cluster.subscriptions(); n != 1 || len(g.broker.Clients()) != 1 {
			t.Errorf("%d subscriptions, %d sessions", n, len(g.broker.Clients()))
		}
		close(in)
		synctest.Wait()
		if n := len(g.cluster.published("w")); n != 1 {
			t.Errorf("%d wills", n)
		}
		g.wantCount("mqtt_sessions_ended_total", "discarded", 1)
		g.spread(message("new", 1, "x"))
		f.same("the new one", g.stay("a", true).drain(1, false), "x#1")
	})
}

// TestBadRecords: a record that cannot be understood is refused, not passed
// over, and a journal that lacks something is.
func TestBadRecords(t *testing.T) {
	good := func(kind byte) []byte {
		f, j := keeping(t, Limits{})
		f.stay("a", false).subscribe("t", 1)
		f.spread(message("t", 1, "x"))
		for _, r := range j.records() {
			if r.kind == kind {
				return r.record
			}
		}
		return nil
	}
	whole, msg := good(recordSession), good(recordMessage)
	for name, c := range map[string]struct {
		log  []logged
		want string
	}{
		"unknown kind":     {[]logged{{0x3f, []byte{1}}}, "record 1 of kind 0x3f"},
		"no number":        {[]logged{{recordMessage, nil}}, "without a number"},
		"number 0":         {[]logged{{recordMessage, append([]byte{0}, msg[1:]...)}}, "without a number"},
		"message cut":      {[]logged{{recordMessage, msg[:len(msg)-1]}}, "message: byte"},
		"session cut":      {[]logged{{recordSession, whole[:len(whole)-1]}}, "state: byte"},
		"client ID cut":    {[]logged{{recordSession, []byte{1, 2, 9, 'a'}}}, "client ID: cut short"},
		"unknown scope":    {[]logged{{recordSession, append([]byte{1, 7}, whole[2:]...)}}, "scope"},
		"op cut":           {[]logged{{recordSession, whole}, {recordOp, []byte{1}}}, "op 0: byte"},
		"op out of place":  {[]logged{{recordSession, whole}, {recordOp, []byte{1, 9, 4}}}, "identifier 4 cannot be the next one sent"},
		"message missing":  {[]logged{{recordSession, whole}, {recordOp, []byte{1, 7, 1, 99, 0}}}, "session 1 refers to message 99"},
		"of no session":    {[]logged{{recordOp, []byte{1, 9, 4}}}, ""},
		"whole afterwards": {[]logged{{recordSession, whole}, {recordOp, []byte{1, 7, 1, 99, 0}}, {recordOp, []byte{1, 9, 4}}, {recordSession, whole}}, ""},
		"ended afterwards": {[]logged{{recordSession, whole}, {recordOp, []byte{1, 7, 1, 99, 0}}, {recordOp, []byte{1, 4}}}, ""},
	} {
		b, err := New(Options{Cluster: newFakeCluster(), Journal: &memJournal{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.log {
			if err == nil {
				err = b.Recover(r.kind, r.record)
			}
		}
		if err == nil {
			err = b.Resume(joined())
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// FuzzRecover: no record makes the front panic.
func FuzzRecover(f *testing.F) {
	f.Add([]byte{recordMessage, 5, 1, 1, 0})
	f.Add([]byte{recordSession, 1, 2, 1, 'a', 1, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	f.Add([]byte{recordOp, 1, 7, 1, 5, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDurable(&memJournal{})
		for len(data) > 1 {
			n := min(1+int(data[1])%64, len(data)-1)
			if err := d.recover(data[0], data[1:1+n], logLimits); err != nil {
				return
			}
			data = data[1+n:]
		}
	})
}

// fullJournal takes nothing more in.
type fullJournal struct{ memJournal }

func (*fullJournal) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestJournalFull: a publisher of QoS 1 or 2 waits while the journal takes
// nothing in, and is refused in the end; QoS 0 passes.
func TestJournalFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{}, func(o *Options) { o.Journal = &fullJournal{} })
		p := f.clean5("a")
		p.send(packet.Publish{Version: p.version, Topic: []byte("t"), Payload: []byte("plain")})
		p.send(packet.Publish{Version: p.version, Topic: []byte("t"), Payload: []byte("acked"), QoS: 1, ID: 7})
		p.silent(readyWait - time.Second)
		p.want(refused(puback(7), packet.QuotaExceeded))
		if got := fmt.Sprint(f.cluster.published("t")); got != "[plain]" {
			t.Errorf("published %s", got)
		}
	})
}
