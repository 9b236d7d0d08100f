package retained

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// The hash, the bucket and the sum are part of the protocol (docs/wire.md):
// two builds that disagree would repair for ever.
func TestSumsAreAsWritten(t *testing.T) {
	seed := [32]byte{1, 2, 3}
	h := hashOf(&seed, "a/b")
	if h != 0x7540cb035807f17e || bucketOf(h) != 0x7e {
		t.Errorf("hash %#x, bucket %#x", h, bucketOf(h))
	}
	if s := sumOf(h, core.Token{Stamp: 7, UID: core.UID{1, 15: 2}}); s != 0x9a72758f57df11f9 {
		t.Errorf("sum %#x", s)
	}
}

func drawStamp(t *rapid.T) core.Stamp {
	return core.Stamp(rapid.SampledFrom([]uint64{0, 1, 5, 1 << 40, 1 << 61, 1<<61 + 1, 1<<64 - 1}).Draw(t, "stamp"))
}

func drawKeys(t *rapid.T) (keys []Key) {
	for range rapid.IntRange(0, 4).Draw(t, "keys") {
		keys = append(keys, Key{Topic: core.Topic(drawTopic(t)), Token: core.Token{Stamp: drawStamp(t), UID: uid(1)}})
	}
	return keys
}

func drawMessage(t *rapid.T) Message {
	topic := core.Topic(drawTopic(t))
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return Digest{Reply: rapid.Bool().Draw(t, "reply"), Stamp: drawStamp(t), Floor: drawStamp(t), Contact: drawStamp(t), Sums: Sums{rapid.Uint64().Draw(t, "sum")}}
	case 1:
		return List{Bucket: rapid.Byte().Draw(t, "bucket"), After: topic, Keys: drawKeys(t)}
	case 2:
		return Wants{Wants: []Want{{Topic: topic, Absent: true}}}
	case 3:
		return Done{Bucket: rapid.Byte().Draw(t, "bucket")}
	case 4:
		return Synced{Stamp: drawStamp(t)}
	case 5:
		return Tombstones{To: rapid.Uint64().Draw(t, "to"), Keys: drawKeys(t)}
	case 6:
		return TombstonesAck{To: rapid.Uint64().Draw(t, "to")}
	}
	return Items{Messages: []*core.Message{message(string(topic), rapid.StringN(0, 1, -1).Draw(t, "payload"), drawStamp(t))}}
}

// Whatever a peer says, in whatever order: nothing panics, the only error is
// the one that closes the link, what it is sent has an end, and the store is
// in order.
func TestHostilePeer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := start
		s := New(Options{Self: uid(rapid.IntRange(1, 3).Draw(t, "self")), MaxMessages: 20, MaxTombstones: 5, ChunkBytes: 50})
		for i := range 10 {
			s.Put(at(now), message(fmt.Sprint("t/", i), "x", core.Stamp(i+1)), Published)
		}
		x := s.Link(uid(2), at(now))
		number := uint64(0)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			number += rapid.Uint64Range(0, 2).Draw(t, "gap")
			err := x.Receive(at(now), Numbered{Number: number, Message: drawMessage(t)})
			if err != nil && !errors.Is(err, ErrImpossible) {
				t.Fatal(err)
			}
			sent := 0
			for _, more := x.Next(at(now)); more; _, more = x.Next(at(now)) {
				if sent++; sent > 1000 {
					t.Fatal("it never stops talking")
				}
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "pass")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "again") == 0 {
				x, number = s.Link(uid(2), at(now)), 0
			}
		}
		twin := map[core.Topic]*core.Message{}
		for _, block := range s.order.blocks {
			for _, e := range block {
				twin[e.topic] = s.Item(e.topic)
			}
		}
		checkTwin(t, s, twin, now)
		if s.live > 20 || s.stream.alive > 5 {
			t.Fatalf("%d messages, %d tombstones: over the bounds", s.live, s.stream.alive)
		}
	})
}

// Many contacts: the oldest make room.
func TestContactsAreBounded(t *testing.T) {
	s := New(Options{})
	for i := range maxContacts + 10 {
		s.touch(core.UID{0: byte(i), 1: byte(i >> 8), 2: 1}, contact{stamp: core.Stamp(i + 1)})
	}
	if len(s.contact) != maxContacts {
		t.Errorf("%d contacts", len(s.contact))
	}
	if _, there := s.contact[core.UID{2: 1}]; there {
		t.Error("the oldest is there")
	}
}

// Slots of tombstones that were overwritten do not pile up behind one that
// waits for a member that is away.
func TestDeadSlotsAreCleared(t *testing.T) {
	s := New(Options{Self: uid(1)})
	s.Put(at(start), message("waits", "", 1), Published)
	for i := range 20_000 {
		s.Put(at(start), message("t", "x", core.Stamp(2*i+2)), Published)
		s.Put(at(start), message("t", "", core.Stamp(2*i+3)), Published)
	}
	s.Collect(start.Add(time.Hour), []core.UID{uid(2)}, 10)
	if n := len(s.stream.slots); n > 2*minDead {
		t.Errorf("%d slots for 2 tombstones", n)
	}
}
