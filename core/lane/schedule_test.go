package lane

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/muster-mqtt/muster/core"
)

// The lane under seeded schedules of drop, duplicate, reorder, cut, stop and
// restart. One node publishes to two others; what must hold is listed by the
// names that the notes on forwarding lanes give it:
//
//	F1  each receiver has what one publisher sent in its order, nothing twice
//	F2  at rest: sent = accepted + dropped, at both ends
//	F3  of QoS 1 and up nothing is lost without the death of its sender
//	F4  what was acknowledged to the publisher is kept by every receiver
//	F5  memory is bounded, and a receiver that stopped holds up nobody else
//	F6  QoS 0 never takes the place of QoS 1
//	F7  the outcome is the same on every kind of link

// The bounds of the lanes of a model, in bytes.
const (
	modelMax   = 2000
	modelLoose = 500
	modelBatch = 200
	modelLong  = 150 // and above: in parts
)

// kind is how a link behaves.
type kind struct {
	name  string
	lossy bool // frames are lost, doubled and overtaken
	death bool // nodes are killed and started again
}

var kinds = []kind{{"stream", false, false}, {"datagrams", true, false}, {"hostile", true, true}}

// sent is one message of the model.
type sent struct {
	from, to int // publisher; bits of the receivers
	qos      core.QoS
	size     int
	epoch    core.Incarnation // of the node that admitted it; 0: not admitted
	left     int              // receivers that have not acknowledged it
	acked    bool
}

// model is a node with its publishers, and two receivers.
type model struct {
	lane
	kind     kind
	rng      *rand.Rand
	msgs     []sent
	waiting  [3][]int // of each publisher, in order: not admitted yet
	epoch    core.Incarnation
	lost     bool // frames may have been lost
	links    [2]*ends
	routed   [2]int
	dropped  [2]int // QoS 0, at admission
	died     [2]int // with their sender
	failures []string
}

// parcel is a frame on its way.
type parcel struct {
	inc core.Incarnation
	Batch
}

// answer is an acknowledgement or a NAK on its way.
type answer struct {
	inc      core.Incarnation
	seq, nak uint64
	window   int // -1: not said
}

// ends are both ends of the lane to one receiver, and the link between them.
type ends struct {
	s       *Sender
	r       *Receiver
	of      map[uint64]int // sequence → message
	frames  []parcel
	answers []answer
	stopped bool // the receiver's process
	crowded bool // the receiver's log takes nothing in
	missed  bool // it has passed something over because of that

	got     []int // accepted, the log first
	written int   // how much of got is in the log
	upTo    uint64
	inc     core.Incarnation
	naked   uint64
	acked   uint64
}

func (m *model) failed(invariant, format string, args ...any) {
	m.failures = append(m.failures, invariant+": "+fmt.Sprintf(format, args...))
}

func newModel(l lane, k kind, seed uint64) *model {
	m := &model{lane: l, kind: k, lost: k.lossy, rng: rand.New(rand.NewPCG(seed, 3))}
	script := rand.New(rand.NewPCG(seed, 7)) // the same for all kinds
	for range 60 {
		size := []int{20, 20, 60, 190, 400, 900, 2500}[min(script.IntN(7), script.IntN(7))]
		s := sent{from: script.IntN(len(m.waiting)), to: 1 + script.IntN(3), qos: core.QoS(script.IntN(3)), size: size}
		m.waiting[s.from] = append(m.waiting[s.from], len(m.msgs))
		m.msgs = append(m.msgs, s)
	}
	for i := range m.links {
		m.links[i] = &ends{r: NewReceiver(10_000)}
	}
	m.restartSender()
	return m
}

// restartSender is the death of the publishing node, and its next start.
func (m *model) restartSender() {
	m.epoch++
	for i, e := range m.links {
		if e.s != nil {
			kept, loose := e.s.Drop()
			m.died[i] += kept + loose
		}
		e.s, e.of, e.acked = NewSender(Options{MaxBytes: modelMax, QoS0Bytes: modelLoose, BatchBytes: modelBatch}), map[uint64]int{}, 0
		m.connect(e)
	}
}

// connect is a new link: what was on its way is lost.
func (m *model) connect(e *ends) {
	e.frames, e.answers, e.naked, e.missed = nil, nil, 0, false
	if err := m.begin(e.r, m.epoch, e.s.Base()); err != nil {
		m.failed("F3", "begin: %v", err)
	}
	if e.inc != m.epoch {
		e.inc, e.upTo = m.epoch, 0
	}
	e.upTo = max(e.upTo, e.s.Base()-1)
	if err := m.resume(e.s, m.recovered(e)); err != nil {
		m.failed("F3", "resume: %v", err)
	}
	m.note(e)
}

// restartReceiver is the death of a receiver: it has what is in its log.
func (m *model) restartReceiver(e *ends) {
	e.got, e.stopped, e.crowded = e.got[:e.written], false, false
	e.r = NewReceiver(10_000)
	if err := e.r.Begin(m.epoch, e.upTo+1); err != nil {
		m.failed("F3", "recover: %v", err)
	}
	m.connect(e)
}

// publish tries to admit the next message of a publisher: one step over both
// lanes, or nothing.
func (m *model) publish(from int) {
	if len(m.waiting[from]) == 0 {
		return
	}
	n := m.waiting[from][0]
	x := &m.msgs[n]
	it := itemOf(n, x)
	for i, e := range m.links {
		if x.to&(1<<i) != 0 && x.qos > 0 && !m.room(e.s, it.size(), x.qos) {
			m.fairlyRefused(e, x, it.size())
			if !m.partial {
				return
			}
		}
	}
	m.waiting[from] = m.waiting[from][1:]
	x.epoch = m.epoch
	for i, e := range m.links {
		switch {
		case x.to&(1<<i) == 0:
			continue
		case m.room(e.s, it.size(), x.qos):
			x.left++
			m.append(e, n, it)
		default:
			m.dropped[i]++
		}
		m.routed[i]++
	}
}

func (m *model) append(e *ends, n int, it Item) {
	if m.loseFrom {
		it.From = uint64(n)
	}
	if seq := e.s.Append(it); seq != 0 {
		e.of[seq] = n
	}
	if x := &m.msgs[n]; x.qos == 0 && e.s.qos0 > max(modelLoose, it.size()) {
		m.failed("F6", "%d bytes of QoS 0 are held", e.s.qos0)
	}
	if held := e.s.Bytes(); held > modelMax+2600 {
		m.failed("F5", "%d bytes held", held)
	}
}

// fairlyRefused checks that it is the receiver, or messages of QoS 1 and up,
// that leave no room.
func (m *model) fairlyRefused(e *ends, x *sent, n int) {
	kept := 0
	for _, y := range m.msgs {
		if y.epoch == m.epoch && y.qos > 0 && y.left > 0 {
			kept += y.size
		}
	}
	if kept+n+max(modelLoose, e.s.qos0)+modelBatch < modelMax && !e.s.Short() {
		m.failed("F6", "QoS %d has no room beside %d bytes of its class", x.qos, kept)
	}
}

// itemOf makes the message of a number.
func itemOf(n int, x *sent) Item {
	it := Item{Body: message(uint64(n), x.size-12), QoS: x.qos, From: uint64(x.from), Token: n}
	if x.size >= modelLong {
		it.Long, it.Body, it.ID = it.Body, message(uint64(n), 0), uint64(n)
	}
	return it
}

// transmit puts the next frame on the link.
func (m *model) transmit(e *ends) bool {
	b, ok := e.s.Next()
	for _, l := range b.Late {
		e.of[l.Seq] = l.Token.(int)
	}
	if ok {
		b.Body = slices.Clone(b.Body)
		e.frames = append(e.frames, parcel{m.epoch, b})
	}
	return ok
}

// pick takes something off a link; nil is nothing, or lost.
func pick[T any](m *model, queue *[]T) *T {
	if len(*queue) == 0 {
		return nil
	}
	if !m.kind.lossy {
		x := (*queue)[0]
		*queue = (*queue)[1:]
		return &x
	}
	i := m.rng.IntN(min(3, len(*queue)))
	x := (*queue)[i]
	how := m.rng.IntN(10)
	if how > 0 { // else it comes again
		*queue = slices.Delete(*queue, i, i+1)
	}
	if how == 1 {
		return nil
	}
	return &x
}

// receive takes a frame in at the other end.
func (m *model) receive(e *ends) {
	if e.stopped {
		return
	}
	p := pick(m, &e.frames)
	if p == nil || p.inc != e.inc {
		return
	}
	if e.crowded {
		e.missed = true
		m.answer(e)
		return
	}
	if p.Total() > 0 {
		if err := e.r.Part(p.Part, p.Body); err != nil {
			m.failed("F3", "%v", err)
		}
		return
	}
	m.accept(e, p)
	m.answer(e)
}

// Total is that of the part that a parcel is.
func (p *parcel) Total() int { return p.Part.Total }

func (m *model) accept(e *ends, p *parcel) {
	numbers := split(m, p.Body)
	if !m.refer(e, p, int(numbers[0])) {
		m.missing(e)
		return
	}
	skip, gap := m.frame(e.r, p.First, p.Count)
	if gap {
		m.missing(e)
		return
	}
	for _, n := range numbers[skip:] {
		e.got = append(e.got, int(n))
	}
}

// refer makes sure that a message that is a reference has what it refers to.
func (m *model) refer(e *ends, p *parcel, n int) bool {
	switch {
	case m.msgs[n].size < modelLong || m.noParts:
		return true
	case p.First <= e.r.Accepted():
		e.r.Forget(uint64(n))
		return true
	case p.First > e.r.Accepted()+1:
		return true
	}
	body, ok := e.r.Whole(uint64(n))
	if ok && !slices.Equal(body, message(uint64(n), m.msgs[n].size-12)) {
		m.failed("F3", "long message %d is not what it was", n)
	}
	return ok
}

func (m *model) missing(e *ends) {
	if from := e.r.Accepted() + 1; e.naked != from {
		e.naked = from
		e.answers = append(e.answers, answer{inc: e.inc, nak: from, window: -1})
	}
}

// write brings what was accepted into the log.
func (m *model) write(e *ends) {
	if !e.stopped && !e.crowded {
		e.written, e.upTo = len(e.got), e.r.Accepted()
		m.answer(e)
		if e.missed {
			e.missed, e.naked = false, 0
			m.missing(e)
		}
	}
}

func (m *model) answer(e *ends) {
	if e.stopped {
		return
	}
	a := answer{inc: e.inc, seq: m.accepted(e), window: modelMax}
	if e.crowded {
		a.window = 0
	}
	e.answers = append(e.answers, a)
}

// answered takes an acknowledgement or a NAK in.
func (m *model) answered(e *ends) {
	a := pick(m, &e.answers)
	if a == nil || a.inc != m.epoch {
		return
	}
	err := m.lane.nak(e.s, a.nak)
	if a.nak == 0 {
		err = e.s.Ack(a.seq)
		if a.window >= 0 {
			e.s.Grant(a.window)
		}
	}
	if err != nil {
		m.failed("F3", "%v", err)
	}
	m.note(e)
}

// note takes note of what a lane has acknowledged.
func (m *model) note(e *ends) {
	for seq := e.acked + 1; seq < e.s.Base(); seq++ {
		n := e.of[seq]
		x := &m.msgs[n]
		if x.left--; x.left > 0 || x.acked {
			continue
		}
		x.acked = true
		for i, other := range m.links {
			if x.qos > 0 && x.to&(1<<i) != 0 && !slices.Contains(other.got[:other.written], n) {
				m.failed("F4", "message %d was acknowledged, and receiver %d has not kept it", n, i)
			}
		}
	}
	e.acked = max(e.acked, e.s.Base()-1)
}

// step is one event.
func (m *model) step() {
	i := m.rng.IntN(2)
	e := m.links[i]
	switch p := m.rng.IntN(100); {
	case p < 20:
		m.publish(m.rng.IntN(len(m.waiting)))
	case p < 45:
		m.transmit(e)
	case p < 70:
		m.receive(e)
	case p < 78:
		m.write(e)
	case p < 92:
		m.answered(e)
	case p < 93:
		e.stopped = !e.stopped
	case p < 94:
		e.crowded = !e.crowded
	case p < 96:
		m.connect(e)
	case p < 97:
		m.probed(e)
	case m.kind.death && p < 98:
		m.restartReceiver(e)
	case m.kind.death && p == 99 && m.rng.IntN(4) == 0:
		m.restartSender()
	}
}

// probed is what follows from an echo: an acknowledgement again and, where it
// can be that a frame was lost, a start over.
func (m *model) probed(e *ends) {
	m.answer(e)
	if !m.lost {
		return
	}
	e.naked = 0
	if err := m.lane.nak(e.s, e.s.Base()); err != nil {
		m.failed("F3", "%v", err)
	}
}

// settle lets everything be good until nothing is under way.
func (m *model) settle() {
	m.kind.lossy = false
	for range 400 {
		quiet := true
		for from := range m.waiting {
			before := len(m.waiting[from])
			m.publish(from)
			quiet = quiet && before == 0
		}
		for _, e := range m.links {
			if e.stopped || e.crowded || e.s.Bytes() > 0 {
				quiet = false
			}
			e.stopped, e.crowded = false, false
			m.probed(e)
			for m.transmit(e) || len(e.frames) > 0 {
				m.receive(e)
			}
			m.write(e)
			for len(e.answers) > 0 {
				m.answered(e)
			}
		}
		if quiet {
			return
		}
	}
	m.failed("F3", "it never comes to rest")
}

// judge checks what must hold at rest.
func (m *model) judge() {
	for i, e := range m.links {
		last := [3]int{-1, -1, -1}
		has := map[int]bool{}
		for _, n := range e.got {
			from := m.msgs[n].from
			if n <= last[from] {
				m.failed("F1", "receiver %d has message %d of publisher %d after %d", i, n, from, last[from])
			}
			last[from], has[n] = n, true
		}
		missing := 0
		for n, x := range m.msgs {
			if x.epoch == 0 || x.to&(1<<i) == 0 || has[n] {
				continue
			}
			missing++
			if x.qos > 0 && (x.epoch == m.epoch || x.acked) {
				m.failed("F3", "receiver %d never got message %d of QoS %d", i, n, x.qos)
			}
		}
		if lost := m.routed[i] - len(e.got); missing != lost || lost < m.dropped[i] || lost > m.dropped[i]+m.died[i] {
			m.failed("F2", "receiver %d: sent %d, accepted %d, dropped %d and %d with their sender", i, m.routed[i], len(e.got), m.dropped[i], m.died[i])
		}
	}
}

// outcome is what each receiver has of QoS 1 and up, by publisher.
func (m *model) outcome() (out [2][3][]int) {
	for i, e := range m.links {
		for _, n := range e.got {
			if x := m.msgs[n]; x.qos > 0 {
				out[i][x.from] = append(out[i][x.from], n)
			}
		}
	}
	return out
}

// Helper and Fatalf make the model a failer.
func (m *model) Helper() {}

// Fatalf counts as a loss: the bytes of a frame are broken.
func (m *model) Fatalf(format string, args ...any) { m.failed("F3", format, args...) }

var _ failer = (*model)(nil)

// run plays one seed on every kind of link and returns what was violated.
func run(l lane, seed uint64) (failures []string) {
	var first [2][3][]int
	for i, k := range kinds {
		m := newModel(l, k, seed)
		for range 300 {
			m.step()
		}
		m.settle()
		m.judge()
		for _, f := range m.failures {
			failures = append(failures, k.name+": "+f)
		}
		switch out := m.outcome(); {
		case i == 0:
			first = out
		case !k.death && fmt.Sprint(out) != fmt.Sprint(first):
			failures = append(failures, fmt.Sprintf("F7: on %s %v, on %s %v", k.name, out, kinds[0].name, first))
		}
	}
	return failures
}

// seeds are those to play: 2,000, and the count of the promise in `make
// prove`, which sets MUSTER_PROVE; or the one of MUSTER_SEED.
func seeds(t *testing.T) (from, to uint64) {
	if one := os.Getenv("MUSTER_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatal(errors.Join(errors.New("MUSTER_SEED"), err))
		}
		return seed, seed + 1
	}
	if os.Getenv("MUSTER_PROVE") != "" {
		return 0, 100_000
	}
	return 0, 2000
}

func TestSchedules(t *testing.T) {
	from, to := seeds(t)
	for seed := from; seed < to; seed++ {
		for _, f := range run(sound, seed) {
			t.Error(f)
		}
		if t.Failed() {
			t.Fatalf("to repeat it: MUSTER_SEED=%d go test -count=1 -run '^TestSchedules$' ./core/lane", seed)
		}
	}
}
