package announce

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/group"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

// flood is what somebody without the key can send: anything, frames that he
// makes himself, and frames that he has heard.
type flood struct {
	r      *rand.Rand
	heard  [][]byte
	forger *frame.Codec
}

func newFlood(heard [][]byte) *flood {
	return &flood{r: rand.New(rand.NewPCG(1, 2)), heard: heard, forger: frame.New("mustercl", []byte("a guess"))}
}

func (f *flood) next(now time.Time) []byte {
	switch f.r.IntN(4) {
	case 0:
		junk := make([]byte, f.r.IntN(frame.MaxSize+2))
		for i := range junk {
			junk[i] = byte(f.r.Uint32())
		}
		return junk
	case 1:
		n := f.r.IntN(100)
		out, err := f.forger.Seal(frame.Frame{
			Kind: frame.Announcement, Asks: true, UID: frame.UID{15: byte(n)}, Incarnation: 9, Time: now, Nonce: [16]byte{byte(f.r.Uint32())},
			Lifetime: time.Minute, Name: fmt.Sprintf("evil%d@10.6.6.6", n), Endpoints: []discovery.Endpoint{{Host: "10.6.6.6"}},
		})
		if err != nil {
			return nil
		}
		return out
	case 2:
		out := bytes.Clone(f.heard[f.r.IntN(len(f.heard))])
		out[f.r.IntN(len(out))] ^= 1 << f.r.IntN(8)
		return out
	default:
		return f.heard[f.r.IntN(len(f.heard))]
	}
}

// Garbage, forged and repeated packets at 10,000 a second, from the addresses
// of the nodes and from any others, change nothing: not the list, not what is
// said, and little memory.
func TestFlood(t *testing.T) {
	const seconds, rate = 10, 10_000
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.join(t, 1), e.join(t, 2)
		a.register()
		b.register()
		time.Sleep(20 * time.Second)
		f := newFlood(e.said())
		before, err := a.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		memory, said := inUse(), e.count()
		for i := range seconds * rate / 100 {
			from := a.port.addr
			if i%3 == 1 {
				from = b.port.addr
			} else if i%3 == 2 {
				from = netip.AddrFrom4([4]byte{10, 6, byte(i >> 8), byte(i)})
			}
			for range 100 {
				a.port.hear(f.next(time.Now()), from, false)
			}
			time.Sleep(10 * time.Millisecond)
		}
		after, err := a.Discover(t.Context())
		if diff := cmp.Diff(before.Candidates, after.Candidates); err != nil || diff != "" || before.SourceRevision != after.SourceRevision {
			t.Errorf("%v\n%s", err, diff)
		}
		if more := e.count() - said; more > 2*(seconds/3+1) {
			t.Errorf("%d frames were sent within %d s", more, seconds)
		}
		if grown := inUse() - memory; grown > 2<<20 {
			t.Errorf("it holds %d KB more", grown>>10)
		}
		bounds(t, a)
		a.warned("sends frames of cluster mustercl under another key")
		b.warned("")
	})
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// bounds fails where something has grown beyond what it may.
func bounds(t *testing.T, k *knot) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	t.Log(k.count.String())
	notes := len(k.notes.texts(time.Now()))
	if k.roster.Size() > 2 || len(k.limit.sources) > maxSources || len(k.own.known) > maxOwn || notes > 4*(maxNotes+1) {
		t.Errorf("%d nodes, %d sources, %d own frames, %d notes", k.roster.Size(), len(k.limit.sources), len(k.own.known), notes)
	}
}

// A source may cost so much and no more, and has no part in what another may.
func TestLimiter(t *testing.T) {
	l := newLimiter()
	now := time.Unix(1_800_000_000, 0)
	loud, quiet := netip.MustParseAddr("10.6.6.6"), netip.MustParseAddr("10.0.0.1")
	passed := 0
	for i := range 10 * 100_000 {
		at := now.Add(time.Duration(i) * 10 * time.Microsecond)
		if l.allow(loud, at) {
			passed++
		}
		if i%1000 == 0 && !l.allow(quiet, at) {
			t.Fatalf("frame %d of another source is over the limit", i/1000)
		}
	}
	if passed > 11*sourceRate || passed < 10*sourceRate {
		t.Errorf("%d frames of one source passed in 10 s", passed)
	}
	passed = 0
	now = now.Add(time.Hour)
	for i := range 200_000 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if l.allow(addr, now.Add(time.Duration(i)*5*time.Microsecond)) {
			passed++
		}
	}
	if passed > 2*totalRate || len(l.sources) > maxSources {
		t.Errorf("%d frames of 200,000 sources passed in 1 s, %d sources are kept", passed, len(l.sources))
	}
	l.sweep(now.Add(time.Minute))
	if len(l.sources) != 0 || !l.allow(quiet, now.Add(time.Minute)) {
		t.Errorf("%d sources are kept for ever", len(l.sources))
	}
}

// In no second, wherever it begins, do more pass than twice the rate.
func TestLimiterTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bucket
		rate := float64(rapid.IntRange(1, 20).Draw(t, "rate"))
		now := time.Unix(1_800_000_000, 0)
		var passed []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "frames") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
			if b.take(rate, now) {
				passed = append(passed, now)
			}
		}
		for i, from := range passed {
			n := 0
			for _, at := range passed[i:] {
				if at.Sub(from) < time.Second {
					n++
				}
			}
			if float64(n) > 2*rate {
				t.Fatalf("%d within a second at a rate of %v", n, rate)
			}
		}
	})
}

// What an operator has to know is said in words that do not change, and ends
// when it is not true any more.
func TestNotes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a := e.join(t, 1)
		other := setup(2)
		other.ClusterKey = []byte("another-key-another-key-another-")
		b := e.enter(t, other)
		b.register()
		a.warned("10.0.0.2 sends frames of cluster mustercl under another key: a node there has another cookie, or somebody forges frames")
		b.warned("10.0.0.1 sends frames")
		a.register()
		stranger := setup(3)
		stranger.ClusterName = "else"
		e.enter(t, stranger).register()
		all("n1", a)
		copied := e.join(t, 1)
		copied.register()
		a.warned("this node's uid is announced from 10.0.0.4 as well: is its data directory a copy?")
		first, _ := a.Discover(t.Context())
		time.Sleep(time.Second)
		second, err := a.Discover(t.Context())
		if diff := cmp.Diff(first.Warnings, second.Warnings); err != nil || diff != "" {
			t.Error(diff)
		}
		for _, k := range []*knot{b, copied} {
			if err := k.Deregister(t.Context(), k.me.NodeUID); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(noteLife + time.Second)
		a.warned("")
	})
}

// A clock that differs too much is named, by the name of the node, and its
// frames do not count.
func TestSkew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a := e.join(t, 1)
		b := e.join(t, 2)
		b.mu.Lock()
		f := b.complete(entryOf(selfOf(2), roster.Longest).frame(true))
		b.mu.Unlock()
		for _, c := range []struct {
			off   time.Duration
			words string
		}{{75 * time.Second, "ahead"}, {-75 * time.Second, "behind"}} {
			f.Time = time.Now().Add(c.off)
			packet, err := a.codec.Seal(f)
			if err != nil {
				t.Fatal(err)
			}
			a.receive(group.Packet{Data: packet, Source: b.port.addr, Interface: "eth0"})
			a.warned("the clock of n2@10.0.1.2 at 10.0.0.2 is " + c.words + " by more than 1m0s")
		}
		all("", a)
	})
}

// However many the reasons, the notes stay few.
func TestNotesAreBounded(t *testing.T) {
	n := newNotes()
	now := time.Unix(1_800_000_000, 0)
	for i := range 100_000 {
		n.add(now, noteKey, "from %d", i)
		n.add(now, noteClock, "of %d", i)
	}
	texts := n.texts(now)
	if len(texts) != 2*(maxNotes+1) || !strings.Contains(strings.Join(texts, "\n"), noteKey) {
		t.Errorf("%q", texts)
	}
	if texts = n.texts(now.Add(noteLife)); len(texts) != 0 || len(n.more) != 0 {
		t.Errorf("%q", texts)
	}
}

// FuzzReceive gives a node whatever may come from the network.
func FuzzReceive(f *testing.F) {
	s := newStrategy(setup(1), frame.UID{1})
	f.Cleanup(s.cancel)
	good, err := s.codec.Seal(s.complete(entryOf(selfOf(2), roster.Longest).frame(true)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("MSTC"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := s.roster.Version()
		s.receive(group.Packet{Data: data, Source: netip.MustParseAddr("10.0.0.9"), Interface: "eth0"})
		if _, err := s.codec.Open(data); err != nil && s.roster.Version() != v {
			t.Fatalf("%x changed the list", data)
		}
	})
}
