package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
	"github.com/muster-mqtt/muster/core/retained"
)

var update = flag.Bool("update", false, "write the golden files anew")

func uid(n byte) core.UID { return core.UID{0: n, 15: n + 1} }

func sampleRecord() membership.Record {
	return membership.Record{
		UID: uid(7), Name: "n1@10.0.0.1", Addr: "10.0.0.1:4371", Role: "core", Build: "1.2.3",
		Protocol: 1, Datacenter: "dc1", Joined: 1 << 50,
	}
}

// samples has one frame of each kind that Decode knows, no field zero.
func samples() []Frame {
	cluster := core.Cluster{UID: uid(1), Claimed: true, Founded: 1 << 48}
	rows := []replica.Op{
		{Key: RecordKey(), Value: AppendRecord(nil, sampleRecord()), Version: 1},
		{Key: RouteKey("a/+/b"), Version: 300},
		{Key: ReachKey(uid(3)), Deleted: true, Version: 1 << 40},
	}
	return []Frame{
		Refuse{Code: RefuseFenced, Text: "removed by an operator: run cluster join on it"},
		Welcome{
			Cluster: cluster, Merged: []core.UID{uid(5)}, Left: true, Operator: true, Merge: true, Probe: true, Now: 1<<50 + 3,
			Addr: "[fd00::1]:4371", Record: sampleRecord(),
			Lanes: []LanePosition{{Lane: 1, Incarnation: 4, Received: 1 << 33, Base: 9}, {Lane: 2, Incarnation: 4, Received: 1, Base: 1}},
			Have:  replica.Have{Incarnation: 4, Version: 12345, Complete: true}, Data: 3, Count: 4,
			Relay: Relay{Kind: RelayFrom, UID: uid(8), Name: "n8@h8"},
		},
		Probe{ID: 5, ViewHash: 1 << 63},
		Echo{ID: 5, ViewHash: 77},
		replica.Delta{Incarnation: 2, From: 299, To: 303, Ops: rows},
		replica.Ack{Incarnation: 2, Version: 303, Snapshot: 250, Position: replica.Done},
		replica.Pull{Incarnation: 2, Have: 17},
		replica.Snapshot{Incarnation: 2, Version: 303, Part: replica.Rows, Count: 1000000, From: 40, To: 43, Rows: rows},
		Bye{Incarnation: 3, Kind: membership.ByeLeave},
		Entries{Entries: []membership.Entry{{UID: uid(9), Name: "n9@h", Decision: membership.Removed, Stamp: 1 << 49, Incarnation: 8}}},
		Moved{Cluster: cluster, Merged: []core.UID{uid(5), uid(6)}},
		Claims{Claims: []Claim{{ClientID: "client 1", Token: core.Token{Stamp: 1 << 49, UID: uid(2)}, Discard: true}}},
		LaneAck{Lane: 1, Incarnation: 6, Seq: 1 << 21},
		LaneNak{Lane: 1, Incarnation: 6, From: 99},
		LaneGrant{Lane: 2, Incarnation: 6, Window: 1 << 24},
		Retained{retained.Numbered{Number: 300, Message: sampleDigest()}},
		RetainedItems{Number: 7, Clock: 4711, Count: 1, Body: AppendMessage(nil, sampleRetained(), MessageOptions{Began: began})},
	}
}

var began = time.Unix(1000, 0)

func sampleDigest() retained.Digest {
	d := retained.Digest{Reply: true, Stamp: 1<<50 + 9, Floor: 1 << 50, Contact: 1<<50 + 1}
	for i := range d.Sums {
		d.Sums[i] = uint64(i+1) * 0x0101010101010101
	}
	return d
}

func sampleRetained() *core.Message {
	return &core.Message{
		Topic: "r/1", Payload: []byte("on"), QoS: 1, Retain: true, Publisher: "c1",
		Extra: &core.Extra{Properties: []byte{1, 1}, Expires: began.Add(time.Minute), Stamp: 1<<50 + 2, Node: uid(4)},
	}
}

// retainedSamples has one of each kind of message in a Retained frame.
func retainedSamples() map[string]retained.Message {
	keys := []retained.Key{{Topic: "a/b", Token: core.Token{Stamp: 1 << 50, UID: uid(2)}}, {Topic: "b", Token: core.Token{Stamp: 2, UID: uid(3)}}}
	return map[string]retained.Message{
		"digest": sampleDigest(), "list": retained.List{Bucket: 200, After: "a/a", Until: "b", Keys: keys},
		"wants": retained.Wants{Wants: []retained.Want{{Topic: "a/b", Absent: true}, {Topic: "b"}}},
		"done":  retained.Done{Bucket: 200, Until: "b"}, "synced": retained.Synced{Stamp: 1 << 50},
		"tombstones": retained.Tombstones{To: 900, Keys: keys}, "tombstones ack": retained.TombstonesAck{To: 900},
	}
}

func TestRetainedKinds(t *testing.T) {
	for name, m := range retainedSamples() {
		f := Retained{retained.Numbered{Number: 5, Message: m}}
		b := Append(nil, f)
		golden(t, "retained "+name, b)
		got, err := Decode(b)
		if diff := cmp.Diff(Frame(f), got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		for n := range b {
			if _, err := Decode(b[:n:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
	for name, f := range map[string]RetainedItems{
		"more items than bytes": {Clock: 1, Count: 2, Body: []byte("1234567")}, "no clock": {Count: 1, Body: []byte("1234")},
		"clock too high": {Clock: maxClock + 1}, "too many items": {Clock: 1, Count: maxItems + 1, Body: make([]byte, 4*maxItems+4)},
	} {
		if got, err := Decode(append(Append(nil, f), "later fields"...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	for name, m := range map[string]retained.Message{
		"list of a filter": retained.List{Keys: []retained.Key{{Topic: "a/#"}}},
		"want of nothing":  retained.Wants{Wants: []retained.Want{{}}},
		"not UTF-8":        retained.Done{Until: "\xff"},
		"no kind":          nil,
	} {
		if f, err := Decode(append(Append(nil, Retained{retained.Numbered{Message: m}}), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
}

func sampleLane() (LaneHeader, []byte) {
	body := AppendMessage(nil, &core.Message{Topic: "a/b", Payload: []byte("hello"), QoS: 1, Retain: true, Publisher: "p"}, MessageOptions{})
	body = AppendMessage(body, &core.Message{Topic: "t", QoS: 2}, MessageOptions{Publisher: true})
	return LaneHeader{
		Lane: 1, Incarnation: 3, PeerIncarnation: 4, First: 1000, Count: 2, RouteVersion: 5, Ack: 6, Credit: 7,
	}, body
}

// sampleClockLane has messages with everything that a message may have.
func sampleClockLane() (LaneHeader, []byte) {
	h, body := sampleLane()
	h.Clock, h.Count = 61_000, 3
	return h, AppendMessage(body, sampleRetained(), MessageOptions{Began: began, Publisher: true})
}

// golden compares data with a file of hexadecimal lines.
func golden(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join("testdata", "v1", strings.ReplaceAll(name, " ", "_")+".hex")
	text := hex.EncodeToString(data)
	var lines strings.Builder
	for ; len(text) > 64; text = text[64:] {
		lines.WriteString(text[:64] + "\n")
	}
	lines.WriteString(text + "\n")
	if *update {
		if err := os.WriteFile(file, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), lines.String()); diff != "" {
		t.Errorf("%s is encoded otherwise than version 1 fixed it (-want +got):\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	for _, f := range samples() {
		b := Append(nil, f)
		c, _ := codecs(b[0] &^ optional)
		name := c.name
		if w, ok := f.(Welcome); ok {
			name = "welcome with relay"
			w.Relay = Relay{}
			golden(t, "welcome with lanes", Append(nil, w))
			w.Data, w.Count = 0, 0
			golden(t, c.name, Append(nil, w))
		}
		golden(t, name, b)
		got, err := Decode(b)
		if diff := cmp.Diff(f, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	h, body := sampleLane()
	golden(t, "lane", AppendLane(nil, h, body))
	h, body = sampleClockLane()
	golden(t, "lane with clock", AppendLane(nil, h, body))
	golden(t, "reach row", AppendReach(nil, sampleReach()))
	golden(t, "reach row relayed", AppendReach(nil, relayedReach()))
}

// A field that somebody adds to a type and not to its codec comes back zero:
// so the samples must have no zero field, and decode to themselves. A row has
// a value or is deleted, never both: the samples have one of each.
func TestSamplesAreFull(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range samples() {
		seen[reflect.TypeOf(f).Name()] = true
		if place := zeroField(reflect.ValueOf(f)); place != "" && !strings.Contains(place, ".Deleted") {
			t.Errorf("sample %T has a zero field %s", f, place)
		}
	}
	for kind := range byte(128) {
		if c, ok := codecs(kind); ok && c.decode != nil && !seen[goName(c.name)] {
			t.Errorf("no sample of %q", c.name)
		}
	}
	h, _ := sampleClockLane()
	if place := zeroField(reflect.ValueOf(h)); place != "" {
		t.Errorf("sample lane header has a zero field %s", place)
	}
	if place := zeroField(reflect.ValueOf(relayedReach())); place != "" {
		t.Errorf("sample reach row has a zero field %s", place)
	}
}

func goName(name string) string {
	var s string
	for w := range strings.FieldsSeq(name) {
		s += strings.ToUpper(w[:1]) + w[1:]
	}
	return s
}

// zeroField returns the place of a zero field somewhere in v, "" if none.
func zeroField(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if place := zeroField(v.Field(i)); place != "" {
				return "." + v.Type().Field(i).Name + place
			}
		}
		return ""
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct:
		return zeroField(v.Index(0))
	case v.IsZero():
		return " of type " + v.Type().String()
	}
	return ""
}

func TestTruncatedAndLonger(t *testing.T) {
	for _, f := range samples() {
		b := Append(nil, f)
		for n := range b {
			if _, err := Decode(b[:n:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%T cut to %d bytes: %v", f, n, err)
			}
		}
		got, err := Decode(append(bytes.Clone(b), 1, 2, 3))
		if diff := cmp.Diff(f, got); diff != "" || err != nil {
			t.Errorf("%T with later fields: %v\n%s", f, err, diff)
		}
		b[0] |= optional
		if got, err = Decode(b); err != nil || !cmp.Equal(f, got) {
			t.Errorf("%T marked optional: %v", f, err)
		}
	}
}

// The decoded values must not change when the link reads its next frame.
func TestDecodedValuesAreCopies(t *testing.T) {
	for _, f := range samples() {
		b := Append(nil, f)
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 0xff
		}
		if diff := cmp.Diff(f, got); diff != "" {
			t.Errorf("%T refers to its frame:\n%s", f, diff)
		}
	}
}

func TestDocsListEveryType(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "wire.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for kind := range 128 {
		if c, ok := codecs(byte(kind)); ok {
			want = append(want, fmt.Sprintf("%d %s", kind, c.name))
			if !regexp.MustCompile(`(?m)\*\*` + c.name + `\*\*`).Match(text) {
				t.Errorf("docs/wire.md does not describe %q", c.name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| ([a-z ]+) \| \d{4}-\d{2} \|$`).FindAllSubmatch(text, -1) {
		got = append(got, string(m[1])+" "+string(m[2]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/wire.md lists other types (-code +docs):\n%s", diff)
	}
}
