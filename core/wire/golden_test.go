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

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/replica"
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
			Have:  replica.Have{Incarnation: 4, Version: 12345, Complete: true},
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
	}
}

func sampleLane() (LaneHeader, []byte) {
	body := AppendMessage(nil, &core.Message{Topic: "a/b", Payload: []byte("hello"), QoS: 1, Retain: true})
	body = AppendMessage(body, &core.Message{Topic: "t", QoS: 2})
	return LaneHeader{
		Lane: 1, Incarnation: 3, PeerIncarnation: 4, First: 1000, Count: 2, RouteVersion: 5, Ack: 6, Credit: 7,
	}, body
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
		c, _ := codecs(b[0])
		golden(t, c.name, b)
		got, err := Decode(b)
		if diff := cmp.Diff(f, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	h, body := sampleLane()
	golden(t, "lane", AppendLane(nil, h, body))
	golden(t, "reach row", AppendReach(nil, sampleReach()))
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
	h, _ := sampleLane()
	if place := zeroField(reflect.ValueOf(h)); place != "" {
		t.Errorf("sample lane header has a zero field %s", place)
	}
	if place := zeroField(reflect.ValueOf(sampleReach())); place != "" {
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
