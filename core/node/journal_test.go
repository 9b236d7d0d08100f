package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/wire"
)

// diskLog is a journal whose disk takes a while; a kill loses what it has not
// taken yet.
type diskLog struct {
	mu      sync.Mutex
	delay   time.Duration
	disk    []record
	memory  []record
	waiting []func()
	holds   int
	timer   *time.Timer
	dead    bool
	stuck   bool
}

type record struct {
	kind byte
	body string
}

func (j *diskLog) Append(kind byte, body []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.memory = append(j.memory, record{kind, string(body)})
	if j.timer == nil {
		j.timer = time.AfterFunc(j.delay, j.flush)
	}
}

func (j *diskLog) Hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.holds++
}

func (j *diskLog) Release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.holds--
}

func (j *diskLog) Written(done func()) {
	j.mu.Lock()
	now := len(j.memory) == 0 && !j.dead
	if !now {
		j.waiting = append(j.waiting, done)
	}
	j.mu.Unlock()
	if now {
		done()
	}
}

func (j *diskLog) flush() {
	j.mu.Lock()
	j.timer = nil
	if j.dead {
		j.mu.Unlock()
		return
	}
	if j.holds > 0 || j.stuck {
		j.timer = time.AfterFunc(j.delay, j.flush)
		j.mu.Unlock()
		return
	}
	j.disk, j.memory = append(j.disk, j.memory...), nil
	done := j.waiting
	j.waiting = nil
	j.mu.Unlock()
	for _, f := range done {
		f()
	}
}

// Ready implements pacer: a log whose disk is stuck takes nothing in.
func (j *diskLog) Ready(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stuck {
		return context.Canceled
	}
	return nil
}

// stick stops and lets go on the disk.
func (j *diskLog) stick(on bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stuck = on
}

// kill loses what is not on the disk.
func (j *diskLog) kill() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dead, j.memory, j.waiting = true, nil, nil
	if j.timer != nil {
		j.timer.Stop()
	}
}

// revive returns the log for the next start.
func (j *diskLog) revive() *diskLog {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &diskLog{delay: j.delay, disk: slices.Clone(j.disk)}
}

// held returns how many holds there are, and what waits for the disk.
func (j *diskLog) held() (holds, waiting int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.holds, len(j.memory)
}

var (
	_ core.Journal = (*diskLog)(nil)
	_ pacer        = (*diskLog)(nil)
)

// diaryKind is that of the records of diaries.
const diaryKind = 0x20

// diary is a session that writes down what it gets.
type diary struct {
	*inbox
	log *diskLog
}

func (d *diary) Deliver(m *core.Message, g core.Grant) {
	d.inbox.Deliver(m, g)
	var at core.LaneSeq
	if m.Extra != nil {
		at = m.Extra.From
	}
	b := binary.AppendUvarint(binary.AppendUvarint(append(at.Node[:], at.Lane), uint64(at.Incarnation)), at.Seq)
	d.log.Append(diaryKind, append(b, m.Payload...))
}

func (d *diary) Offer(m *core.Message, g core.Grant) bool { d.Deliver(m, g); return true }

var _ core.Subscriber = (*diary)(nil)

// logs are the journals of the nodes of a cluster.
type logs map[string]*diskLog

// with gives every node that is started a journal.
func (c *cluster) with(l logs, delay time.Duration) {
	c.tweak = func(o *Options) {
		name := o.Saved.Name.Name()
		if l[name] == nil {
			l[name] = &diskLog{delay: delay}
		}
		o.Journal = l[name]
	}
}

// revive starts a node from what its journal has kept, and returns what its
// diary says.
func (c *cluster) revive(l logs, name string, filter core.Filter) (*testNode, []string) {
	c.t.Helper()
	l[name] = l[name].revive()
	records := slices.Clone(l[name].disk)
	var written []string
	c.setup = func(n *Node) {
		for _, r := range records {
			if r.kind == diaryKind {
				at, payload := diaryEntry(r.body)
				n.RecoveredLane(at)
				written = append(written, payload)
			} else if err := n.Recover(r.kind, []byte(r.body)); err != nil {
				c.t.Error(err)
			}
		}
		if filter != "" {
			n.Subscribe(&diary{inbox: newInbox(), log: l[name]}, at(filter, 2), func() {})
		}
	}
	defer func() { c.setup = nil }()
	return c.start(name), written
}

func diaryEntry(body string) (at core.LaneSeq, payload string) {
	b := []byte(body)
	copy(at.Node[:], b)
	at.Lane = b[len(at.Node)]
	b = b[len(at.Node)+1:]
	inc, n := binary.Uvarint(b)
	seq, k := binary.Uvarint(b[n:])
	at.Incarnation, at.Seq = core.Incarnation(inc), seq
	return at, string(b[n+k:])
}

// killWithLog is SIGKILL for a node and its journal.
func (n *testNode) killWithLog(j *diskLog) {
	j.kill()
	n.kill()
}

// A receiver is killed again and again in the middle of a stream at QoS 1 and
// 2, and started from its log: what was accepted is in it, in order, and
// nothing twice.
func TestKilledReceiverResumes(t *testing.T) {
	for seed := range uint64(12) {
		bubble(t, func(c *cluster) { killReceiver(c, seed) })
	}
}

func killReceiver(c *cluster, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 5))
	l := logs{}
	c.with(l, time.Duration(rng.IntN(4))*time.Millisecond)
	c.seeds = []string{"n1:1", "n2:1"}
	c.net.Delay("n1:1", "n2:1", time.Millisecond, time.Millisecond)
	c.net.Delay("n2:1", "n1:1", time.Millisecond, time.Millisecond)
	a, b := c.start("n1"), c.start("n2")
	time.Sleep(2 * time.Second)
	visible := make(chan struct{})
	b.Subscribe(&diary{inbox: newInbox(), log: l["n2"]}, at("x", 2), func() { close(visible) })
	<-visible
	var mu sync.Mutex
	var accepted []int
	sent := 0
	for range 6 {
		for range 40 + rng.IntN(100) {
			i := sent
			sent++
			m := &core.Message{Topic: "x", Payload: []byte(fmt.Sprintf("%06d", i)), QoS: core.QoS(1 + i%2), Publisher: "p"}
			if err := a.Publish(context.Background(), m, then(func() {
				mu.Lock()
				defer mu.Unlock()
				accepted = append(accepted, i)
			})); err != nil {
				c.t.Errorf("seed %d: %v", seed, err)
			}
			if rng.IntN(4) == 0 {
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
			}
		}
		b.killWithLog(l["n2"])
		b, _ = c.revive(l, "n2", "x")
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	mu.Lock()
	done := len(accepted)
	mu.Unlock()
	checkDiary(c, seed, l["n2"], sent, done)
	if n := a.count.incomplete.Load(); n != 0 {
		c.t.Errorf("seed %d: %d given up", seed, n)
	}
}

func checkDiary(c *cluster, seed uint64, j *diskLog, sent, accepted int) {
	c.t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var got []string
	for _, r := range j.disk {
		if r.kind == diaryKind {
			_, payload := diaryEntry(r.body)
			got = append(got, payload)
		}
	}
	if accepted != sent || len(got) != sent {
		c.t.Errorf("seed %d: %d sent, %d accepted, %d in the log", seed, sent, accepted, len(got))
	}
	for i, payload := range got {
		if payload != fmt.Sprintf("%06d", i) {
			c.t.Fatalf("seed %d: entry %d of the log is %s", seed, i, payload)
		}
	}
}

// Nothing is acknowledged, to a peer or to a client, before it is in the log.
func TestAcknowledgedMeansWritten(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, 100*time.Millisecond)
		c.seeds = []string{"n1:1", "n2:1"}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(2 * time.Second)
		b.Subscribe(&diary{inbox: newInbox(), log: l["n2"]}, at("x", 2), func() {})
		b.sub("y")
		time.Sleep(time.Second)
		if took := a.pub("x", "1", 1); took < 100*time.Millisecond || took > 150*time.Millisecond {
			t.Errorf("across nodes: %s", took)
		}
		if took := b.pub("x", "1", 1); took < 100*time.Millisecond || took > 150*time.Millisecond {
			t.Errorf("on one node: %s", took)
		}
		a.Subscribe(&diary{inbox: newInbox(), log: l["n1"]}, at("y", 2), func() {})
		if took := a.pub("y", "1", 1); took < 100*time.Millisecond || took > 150*time.Millisecond {
			t.Errorf("here, while the other node writes nothing: %s", took)
		}
		time.Sleep(time.Second)
		if took := b.pub("y2", "1", 1); took > 50*time.Millisecond {
			t.Errorf("where nothing is written: %s", took)
		}
	})
}

// A disk that is stuck stops what its node takes in, and nothing else: the
// node stays a member, nothing is lost, and nothing is acknowledged meanwhile.
func TestStuckDisk(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, time.Millisecond)
		c.seeds = []string{"n1:1", "n2:1"}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(2 * time.Second)
		d := &diary{inbox: newInbox(), log: l["n2"]}
		b.Subscribe(d, at("x", 2), func() {})
		time.Sleep(time.Second)
		l["n2"].stick(true)
		var accepted atomic.Int32
		for i := range 500 {
			m := &core.Message{Topic: "x", Payload: []byte(fmt.Sprint(i)), QoS: 1, Retain: i%10 == 0}
			if err := a.Publish(t.Context(), m, then(func() { accepted.Add(1) })); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second)
		c.one("n1", "n2")
		if n := len(d.take()); n != 0 || accepted.Load() != 0 {
			t.Errorf("%d taken in, %d accepted", n, accepted.Load())
		}
		l["n2"].stick(false)
		time.Sleep(5 * time.Second)
		if n := len(d.take()); n != 500 || accepted.Load() != 500 {
			t.Errorf("%d delivered, %d accepted", n, accepted.Load())
		}
		c.holdAll(a.held("#"), "n2")
	})
}

// A lane goes on where the log says that it was, or where the sender has
// dropped what was before, whichever is further; and the sender is told.
func TestLaneTakenUpFromTheLog(t *testing.T) {
	n := bare(t)
	who := core.UID{7}
	for _, at := range []core.LaneSeq{
		{Node: who, Incarnation: 3, Lane: firstLane, Seq: 50}, {Node: who, Incarnation: 3, Lane: firstLane, Seq: 40},
		{Node: who, Incarnation: 2, Lane: firstLane, Seq: 90}, {Node: who, Incarnation: 3, Lane: 9, Seq: 99}, {},
	} {
		n.RecoveredLane(at)
	}
	for inc, want := range map[core.Incarnation]uint64{2: 0, 3: 50, 4: 0} {
		w := n.welcome(&conn{who: wire.Identity{UID: who, Incarnation: inc}}, intent{})
		if got := w.Lanes[0].Received; got != want {
			t.Errorf("incarnation %d is told %d, want %d", inc, got, want)
		}
	}
	for _, test := range []struct {
		inc  core.Incarnation
		base uint64
		want uint64
	}{{3, 41, 50}, {3, 51, 50}, {3, 61, 60}, {4, 1, 0}, {4, 9, 8}} {
		in := newInLane(n.recovered[laneKey{who, firstLane}])
		if err := in.begin(test.inc, test.base); err != nil {
			t.Fatal(err)
		}
		if inc, kept := in.accepted(); inc != test.inc || kept != test.want || in.receiver.Accepted() != test.want {
			t.Errorf("incarnation %d from %d: kept %d, accepted %d, want %d", test.inc, test.base, kept, in.receiver.Accepted(), test.want)
		}
	}
}

// hooked is a session that looks around when it gets something.
type hooked struct {
	quiet
	look func()
}

func (h *hooked) Deliver(*core.Message, core.Grant) { h.look() }

var _ core.Subscriber = (*hooked)(nil)

// When a session gets a message that is retained it is retained already, and
// what both write of it stays together.
func TestRetainedBeforeDelivered(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, time.Millisecond)
		c.seeds = []string{"n1:1", "n2:1"}
		a, b := c.start("n1"), c.start("n2")
		time.Sleep(2 * time.Second)
		var looked atomic.Int32
		for _, n := range []*testNode{a, b} {
			n.Subscribe(&hooked{quiet{number: numbers.Add(1)}, func() {
				looked.Add(1)
				holds, _ := l[n.name].held()
				if got := n.held("r"); !slices.Equal(got, []string{"r=x"}) || n == b && holds != 1 {
					t.Errorf("at %s: %v, %d holds", n.name, got, holds)
				}
			}}, at("r", 1), func() {})
		}
		time.Sleep(time.Second)
		a.keepMessage("r", "x", 1, nil)
		if n := looked.Load(); n != 2 {
			t.Errorf("%d deliveries", n)
		}
	})
}

// What a node has retained, and deleted, is there after a kill; what was
// written elsewhere meanwhile wins; what expired while it was down is gone.
func TestRetainedSurvivesAKill(t *testing.T) {
	for _, compact := range []bool{false, true} {
		bubble(t, func(c *cluster) { survive(c, compact) })
	}
}

func survive(c *cluster, compact bool) {
	l := logs{}
	c.with(l, time.Millisecond)
	c.seeds = []string{"n1:1", "n2:1"}
	a, b := c.start("n1"), c.start("n2")
	time.Sleep(2 * time.Second)
	for i := range 600 {
		b.keepMessage(core.Topic(fmt.Sprintf("r/%03d", i)), "x", 1, nil)
	}
	b.keepMessage("gone/1", "x", 1, nil)
	b.keepMessage("gone/1", "", 1, nil)
	b.keepMessage("short/1", "x", 1, &core.Extra{Expires: time.Now().Add(20 * time.Second), Properties: []byte{1, 0}})
	b.keepMessage("long/1", "x", 1, &core.Extra{Expires: time.Now().Add(90 * time.Second)})
	time.Sleep(15 * time.Second)
	if compact {
		var disk []record
		b.Checkpoint(func(kind byte, body []byte) { disk = append(disk, record{kind, string(body)}) })
		l["n2"].mu.Lock()
		l["n2"].disk = disk
		l["n2"].mu.Unlock()
	}
	b.killWithLog(l["n2"])
	a.keepMessage("r/000", "later", 1, nil)
	a.keepMessage("r/001", "", 1, nil)
	time.Sleep(10 * time.Second)
	a.kill() // nobody can tell it anything
	b, _ = c.revive(l, "n2", "")
	if got := b.held("gone/#"); len(got) != 0 {
		c.t.Errorf("deleted ones are back: %v", got)
	}
	if got := append(b.held("short/+"), b.held("long/+")...); !slices.Equal(got, []string{"long/1=x"}) {
		c.t.Errorf("of those with a time: %v", got)
	}
	if n := len(b.held("r/#")); n != 600 {
		c.t.Errorf("%d of 600 are there", n)
	}
	a, _ = c.revive(l, "n1", "")
	time.Sleep(30 * time.Second)
	if got := a.held("r/+"); len(got) != 599 || got[0] != "r/000=later" || !slices.Equal(got, b.held("r/#")) {
		c.t.Errorf("after all: %d at n1, %d at n2", len(got), len(b.held("r/#")))
	}
	time.Sleep(time.Minute)
	if got := append(a.held("long/+"), b.held("long/+")...); len(got) != 0 {
		c.t.Errorf("not expired: %v", got)
	}
}

// A node that writes again after a restart writes above its own stamps, even
// if the wall clock went back.
func TestStampsRiseAcrossARestart(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, time.Millisecond)
		a := c.start("n1")
		time.Sleep(20 * time.Second)
		a.clock.Adopt(a.stamp()+1<<40, time.Now())
		a.keepMessage("r", "before", 1, nil)
		a.killWithLog(l["n1"])
		a.saved.Now = 0
		a, _ = c.revive(l, "n1", "")
		a.keepMessage("r", "after", 1, nil)
		synctest.Wait()
		c.holdAll([]string{"r=after"}, "n1")
	})
}

// The records of one QoS 2 message and of what its publisher is told stand or
// fall together.
func TestQoS2IsHeldTogether(t *testing.T) {
	bubble(t, func(c *cluster) {
		l := logs{}
		c.with(l, time.Millisecond)
		a := c.start("n1")
		time.Sleep(20 * time.Second)
		together := false
		m := &core.Message{Topic: "x", QoS: 2, Retain: true, Payload: []byte("x")}
		on := core.Outcome{Admitted: func() {
			holds, waiting := l["n1"].held()
			together = holds == 1 && waiting == 1
		}}
		err := a.Publish(t.Context(), m, on)
		if left, _ := l["n1"].held(); err != nil || !together || left != 0 {
			t.Errorf("%v, together %v, %d holds left", err, together, left)
		}
	})
}

func TestRecoverRefuses(t *testing.T) {
	bubble(t, func(c *cluster) {
		a := c.start("n1")
		for _, r := range []record{{0x3f, ""}, {0x5f, ""}, {recordRetained, "\x01\x00"}, {recordTombstone, "\x00\x01" + strings.Repeat("u", 16)}, {recordLane, "short"}, {recordContact, strings.Repeat("u", 16)}} {
			if err := a.Recover(r.kind, []byte(r.body)); err == nil || !strings.Contains(err.Error(), "not readable") {
				t.Errorf("kind %#x %q: %v", r.kind, r.body, err)
			}
		}
	})
}

// FuzzRecover: no record does harm, and what a node makes of one it writes
// again at a checkpoint, to the same effect.
func FuzzRecover(f *testing.F) {
	f.Add(byte(recordLane), laneRecord(core.LaneSeq{Node: core.UID{3}, Incarnation: 4, Lane: 1, Seq: 9}))
	f.Add(byte(recordTombstone), append([]byte("\x01a\x07"), make([]byte, 16)...))
	f.Add(byte(recordContact), append(make([]byte, 16), 9))
	f.Add(byte(recordRetained), []byte("\x05\x00\x18\x14\x01a\x12\x04\x07uuuuuuuuuuuuuuuuxx"))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		a, b := bare(t), bare(t)
		if a.Recover(kind, body) != nil {
			return
		}
		a.Checkpoint(func(kind byte, body []byte) {
			if err := b.Recover(kind, body); err != nil {
				t.Errorf("%#x %q: %v", kind, body, err)
			}
		})
		if x, y := a.keeper.store.Sums(), b.keeper.store.Sums(); x != y {
			t.Error("another store after a checkpoint")
		}
	})
}
