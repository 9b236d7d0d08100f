package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
)

func relayedReach() membership.ReachRow {
	w := sampleReach()
	w.Relayed = true
	return w
}

func sampleReach() membership.ReachRow {
	return membership.ReachRow{UID: uid(3), Reach: membership.Reached, Incarnation: 9, Name: "n3@h3", Addr: "h3:4373"}
}

func TestDecodeHostile(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<63)
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "empty frame"},
		{"unknown type", []byte{0x7f, 1, 2}, "unknown type 127"},
		{"type 0", []byte{0}, "unknown type 0"},
		{"hello after the proof", appendHello(nil, hello{}), "hello frame out of place"},
		{"proof after the proof", []byte{typeProof}, "proof frame out of place"},
		{"lane", []byte{typeLane, 1}, "lane frame out of place"},
		{"huge number of entries", append([]byte{typeEntries}, huge...), "entries at byte 11: count too high"},
		{"more claims than fit", append([]byte{typeClaims, 4}, make([]byte, 3*claimBytes)...), "claims at byte 2: count too high"},
		{"huge number of rows", append([]byte{typeDelta, 1, 1, 1}, huge...), "delta at byte 14: count too high"},
		{"huge key", append([]byte{typeDelta, 1, 1, 1, 1, 0}, huge...), "delta at byte 16: length too high"},
		{"row without a key", []byte{typeDelta, 1, 1, 1, 1, 0, 0, 9, 0}, "row without a key"},
		{"number without end", append([]byte{typePull}, bytes.Repeat([]byte{0x80}, 20)...), "pull at byte 1: bad number"},
		{"snapshot of no part", []byte{typeSnapshot, 1, 1, 4, 0, 0, 0, 0}, "unknown part"},
		{"bye of no kind", []byte{typeBye, 1, 0}, "unknown kind"},
		{"unprintable", Append(nil, Welcome{Addr: "a\x1b[2J"}), "unprintable"},
		{"not UTF-8", Append(nil, Welcome{Addr: "a\xff"}), "unprintable"},
		{"long address", Append(nil, Welcome{Addr: strings.Repeat("a", 301)}), "too long"},
		{"lane twice", Append(nil, Welcome{Lanes: make([]LanePosition, 2)}), "lane twice"},
		{"too many clusters", Append(nil, Moved{Merged: make([]core.UID, 257)}), "moved at byte 21: count too high"},
		{"bad record", Append(nil, Welcome{Record: membership.Record{Name: "no host"}}), "not a node name"},
		{"bad name", Append(nil, Entries{Entries: []membership.Entry{{Name: "x", Decision: 1}}}), "not a node name"},
		{"bad decision", Append(nil, Entries{Entries: []membership.Entry{{Decision: 9}}}), "unknown decision"},
		{"long client ID", Append(nil, Claims{Claims: []Claim{{ClientID: strings.Repeat("x", 65536)}}}), "too long"},
		{"long refusal", append([]byte{typeRefuse, 1, 0xc9, 0x01}, strings.Repeat("x", 201)...), "too long"},
	}
	for _, test := range tests {
		f, err := Decode(test.b)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) || f != nil {
			t.Errorf("%s: %v, %v; want an error with %q", test.name, f, err, test.want)
		}
	}
}

func TestUnknownOptionalFrameIsIgnored(t *testing.T) {
	f, err := Decode([]byte{optional | 0x70, 1, 2, 3})
	if want := (Unknown{Type: 0x70}); f != want || err != nil {
		t.Errorf("%v %v", f, err)
	}
}

func TestEmptyFramesRoundTrip(t *testing.T) {
	for _, f := range []Frame{Welcome{}, Entries{}, Claims{}, Moved{}, Probe{}, Refuse{}, LaneAck{}} {
		got, err := Decode(Append(nil, f))
		if diff := cmp.Diff(f, got); diff != "" || err != nil {
			t.Errorf("%T: %v\n%s", f, err, diff)
		}
	}
	if b := Append(nil, "no frame"); b != nil {
		t.Errorf("a value that is no frame gave %x", b)
	}
}

func TestRefuseIsClipped(t *testing.T) {
	for _, text := range []string{strings.Repeat("é", 300), "a\nb\x00", strings.Repeat("\xff", 300), "", "fine"} {
		f, err := Decode(Append(nil, Refuse{Code: 1, Text: text}))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := f.(Refuse).Text
		if len(got) > maxReason || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00") || (text == "") != (got == "") {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRowKeys(t *testing.T) {
	filter := core.Filter("a/+/#")
	tests := []struct {
		key  string
		want RowKey
		bad  bool
	}{
		{RecordKey(), RowKey{Kind: RowRecord}, false},
		{ReachKey(uid(200)), RowKey{Kind: RowReach, UID: uid(200)}, false},
		{RouteKey(filter), RowKey{Kind: RowRoute, Filter: filter}, false},
		{"g/group/filter", RowKey{}, false},
		{"", RowKey{}, true},
		{"mm", RowKey{}, true},
		{"w", RowKey{}, true},
		{"w12345678901234567", RowKey{}, true},
		{"r", RowKey{}, true},
		{"ra/#/b", RowKey{}, true},
		{"r\xff", RowKey{}, true},
	}
	for _, test := range tests {
		got, err := ParseKey(test.key)
		if got != test.want || (err != nil) != test.bad || test.bad && !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseKey(%q) = %+v, %v", test.key, got, err)
		}
	}
}

func TestRowValues(t *testing.T) {
	record, reach := AppendRecord(nil, sampleRecord()), AppendReach(nil, sampleReach())
	for _, later := range [][]byte{nil, {1, 2, 3}} {
		if got, err := DecodeRecord(append(bytes.Clone(record), later...)); err != nil || got != sampleRecord() {
			t.Errorf("record: %+v, %v", got, err)
		}
		if got, err := DecodeReach(append(append(bytes.Clone(reach), 0), later...)); err != nil || got != sampleReach() {
			t.Errorf("reach: %+v, %v", got, err)
		}
	}
	for n := range record {
		if got, err := DecodeRecord(record[:n]); !errors.Is(err, ErrMalformed) || got != (membership.Record{}) {
			t.Errorf("record cut to %d: %v", n, err)
		}
	}
	for n := range reach {
		if got, err := DecodeReach(reach[:n]); !errors.Is(err, ErrMalformed) || got != (membership.ReachRow{}) {
			t.Errorf("reach row cut to %d: %v", n, err)
		}
	}
	for _, later := range [][]byte{nil, {1, 2, 3}} {
		if got, err := DecodeReach(append(AppendReach(nil, relayedReach()), later...)); err != nil || got != relayedReach() {
			t.Errorf("reach through another: %+v, %v", got, err)
		}
	}
	strange := sampleReach()
	strange.Reach = 200
	if _, err := DecodeReach(AppendReach(nil, strange)); !errors.Is(err, ErrMalformed) {
		t.Errorf("reach 200: %v", err)
	}
	if _, err := DecodeReach(AppendReach(nil, membership.ReachRow{UID: uid(1)})); err != nil {
		t.Errorf("reach row of a node never met: %v", err)
	}
}
