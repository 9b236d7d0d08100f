package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what was encoded with a file of hexadecimal lines, one for
// each encoding.
func golden(t *testing.T, name string, encoded ...[]byte) {
	t.Helper()
	var text strings.Builder
	for _, b := range encoded {
		text.WriteString(hex.EncodeToString(b) + "\n")
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s: a new encoding needs a new version: %s", name, diff)
	}
}

// everyOp is one op of each kind, and two of those that vary.
func everyOp() []Op {
	will := &Will{Message: message("w", 1), Delay: 200, Expiry: 5, HasExpiry: true}
	return []Op{
		{Kind: OpConnect, Expiry: 3600, Will: will},
		{Kind: OpConnect, Expiry: Never, Will: &Will{Message: message("v", 0)}},
		{Kind: OpConnect},
		{Kind: OpDisconnect, At: at(1.5), Expiry: 10, DiscardWill: true},
		{Kind: OpDisconnect, At: at(2)},
		{Kind: OpWillTaken},
		{Kind: OpEnd},
		{Kind: OpSubscribe, Subscription: core.Subscription{Filter: "f/+", Group: "g", Grant: core.Grant{QoS: 2, NoLocal: true, RetainAsPublished: true, IDs: []uint32{1, 268_435_455}}}},
		{Kind: OpSubscribe, Subscription: core.Subscription{Filter: "f"}},
		{Kind: OpUnsubscribe, Subscription: core.Subscription{Filter: "f", Group: "g"}},
		{Kind: OpDeliver, Queued: Queued{Message: message("a", 2), QoS: 2, Retain: true, IDs: []uint32{300}}},
		{Kind: OpDeliver, Queued: Queued{Message: message("b", 1), QoS: 1}},
		{Kind: OpDrop, Index: 200},
		{Kind: OpSent, ID: 65535},
		{Kind: OpPubrec, ID: 1},
		{Kind: OpEnded, ID: 128},
		{Kind: OpReceive, ID: 2},
		{Kind: OpRelease, ID: 3},
		{Kind: OpRecover, At: at(3)},
	}
}

// byContent gives messages numbers by their payloads, as everyOp makes them
// anew.
func byContent(m *core.Message) uint64 { return uint64(m.Payload[0]) }

func withContent(n uint64) *core.Message {
	if n < 'a' || n > 'z' {
		return nil
	}
	return message(string(rune(n)), map[uint64]core.QoS{'v': 0, 'a': 1, 'b': 1, 'f': 1, 'w': 1}[n])
}

func TestOpEncoding(t *testing.T) {
	var all [][]byte
	for i, op := range everyOp() {
		b := AppendOp(nil, op, byContent)
		all = append(all, b)
		got, err := DecodeOp(b, withContent)
		if op.Queued.Message != nil {
			got.Queued.Message = op.Queued.Message
		}
		if diff := cmp.Diff(op, got); diff != "" || err != nil {
			t.Errorf("op %d: %v %s", i, err, diff)
		}
		truncations(t, b, func(b []byte) error { _, err := DecodeOp(b, withContent); return err })
	}
	golden(t, "ops-v1.hex", all...)
}

// truncations expects an error for each proper prefix, and for one byte more.
func truncations(t *testing.T, b []byte, decode func([]byte) error) {
	t.Helper()
	for n := range len(b) {
		if err := decode(b[:n:n]); !errors.Is(err, ErrEncoding) {
			t.Errorf("%x cut to %d bytes: %v", b, n, err)
		}
	}
	if err := decode(append(b[:len(b):len(b)], 0)); !errors.Is(err, ErrEncoding) {
		t.Errorf("%x and one byte more: %v", b, err)
	}
}

func TestStateEncoding(t *testing.T) {
	moved, err := Restore(full().State(at(60)), at(60), Options{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	moved.Connect(at(61), Peer{Expiry: Never})
	moved.Recover(at(62))
	online, _ := Restore(State{Online: true, NextID: 7, Will: &Will{Message: message("w", 1)}}, start, Options{})
	var all [][]byte
	for i, s := range []*Session{full(), moved, New(Options{}), online} {
		st := s.State(at(100))
		b := AppendState(nil, st, byContent)
		all = append(all, b)
		got, err := DecodeState(b, withContent)
		if diff := cmp.Diff(contents(st), contents(got)); diff != "" || err != nil {
			t.Errorf("state %d: %v %s", i, err, diff)
		}
		truncations(t, b, func(b []byte) error { _, err := DecodeState(b, withContent); return err })
	}
	golden(t, "state-v1.hex", all...)
}

// contents replaces messages by what withContent makes of them.
func contents(st State) State {
	for i, m := range st.Inflight {
		if m.Message != nil {
			st.Inflight[i].Message = withContent(byContent(m.Message))
		}
	}
	for i, q := range st.Queue {
		st.Queue[i].Message = withContent(byContent(q.Message))
	}
	return st
}

// TestDecodeRefuses names what is wrong, and where.
func TestDecodeRefuses(t *testing.T) {
	const times = "00000000" // time, session expiry, remaining time, subscriptions
	for _, c := range []struct{ what, encoded, want string }{
		{"state", "", "byte 0: version: cut short"},
		{"state", "0200", "byte 0: version: is 2, not 1"},
		{"state", "0104", "byte 1: flags: unknown flags 0x04"},
		{"state", "0100" + "80808080808080808001", "byte 2: time: above 9223372036854775807"},
		{"state", "0100" + "8000", "byte 2: time: longer than it need be"},
		{"state", "0100" + "00" + "8080808010", "byte 3: session expiry: above 4294967295"},
		{"state", "0100" + "000000" + "ff01", "byte 5: subscriptions: 255 of them do not fit in what follows"},
		{"state", "0100" + "000000" + "01" + "0000000000", "byte 6: filter: empty topic or filter"},
		{"state", "0100" + "000000" + "01" + "0161" + "00" + "03" + "00", "byte 9: QoS: is 3"},
		{"state", "0100" + "000000" + "01" + "0161" + "00" + "10" + "00", "byte 9: subscription options: unknown flags 0x10"},
		{"state", "0100" + times + "808004", "byte 6: next identifier: above 65535"},
		{"state", "0100" + times + "01" + "00" + "01" + "010100", "byte 10: message: 1 is unknown"},
		{"state", "0100" + times + "01" + "000000" + "ff", "byte 10: end: 1 bytes too many"},
		{"op", "", "byte 0: kind: cut short"},
		{"op", "0f", "byte 0: kind: is unknown"},
		{"op", "0402", "byte 1: end: 1 bytes too many"},
		{"op", "0780", "byte 1: flags of a message: unknown flags 0x80"},
		{"op", "07016105ffffffff7f", "byte 4: subscription identifier: above 4294967295"},
		{"message", "0201", "byte 0: version: is 2, not 1"},
		{"message", "0180", "byte 1: flags: unknown flags 0x80"},
		{"message", "0103" + "0174" + "0000", "byte 1: QoS: is 3"},
		{"message", "0100" + "0123" + "0000", "byte 2: topic: wildcard where none is allowed"},
		{"message", "0100" + "05", "byte 2: topic: 5 of them do not fit in what follows"},
		{"message", "0108" + "0174" + "0000" + "00", "byte 6: properties: announced, but there are none"},
		{"message", "0120" + "0174" + "0000" + "00" + strings.Repeat("00", 16), "byte 6: stamp: announced, but it is zero"},
		{"message", "0140" + "0174" + "0000" + strings.Repeat("00", 19), "byte 6: lane: announced, but it is zero"},
		{"message", "0110" + "0174" + "0000" + "ffffffffffffffff7f", "byte 6: expiry: above 9223372036854"},
	} {
		b, err := hex.DecodeString(c.encoded)
		if err != nil {
			t.Fatal(err)
		}
		if err = decode(c.what, b); !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.what, c.encoded, err, c.want)
		}
	}
}

func decode(what string, b []byte) (err error) {
	switch what {
	case "state":
		_, err = DecodeState(b, withContent)
	case "op":
		_, err = DecodeOp(b, withContent)
	default:
		_, err = DecodeMessage(b, start)
	}
	return err
}

// everyMessage is a message without anything, and some with more.
func everyMessage() []*core.Message {
	node := core.UID{1, 2, 3}
	return []*core.Message{
		{Topic: "t", Payload: []byte{}},
		{Topic: "a/b", Payload: []byte("payload"), QoS: 2, Retain: true, Publisher: "client"},
		{Topic: "t", Payload: []byte("p"), Extra: &core.Extra{Properties: []byte{1, 1}}},
		{Topic: "t", Payload: []byte{}, Extra: &core.Extra{Expires: at(10)}},
		{Topic: "t", Payload: []byte{}, Extra: &core.Extra{Stamp: 77 << 16, Node: node}},
		{Topic: "t", Payload: []byte{}, Extra: &core.Extra{From: core.LaneSeq{Node: node, Incarnation: 3, Lane: 2, Seq: 1 << 40}}},
		{Topic: "t", Payload: []byte("p"), QoS: 1, Publisher: "c", Extra: &core.Extra{
			Properties: []byte{2}, Expires: at(0.25), Stamp: 1, From: core.LaneSeq{Seq: 1},
		}},
	}
}

func TestMessageEncoding(t *testing.T) {
	var all [][]byte
	for i, m := range everyMessage() {
		b := AppendMessage(nil, m, start)
		all = append(all, b)
		got, err := DecodeMessage(b, start)
		if diff := cmp.Diff(m, got); diff != "" || err != nil {
			t.Errorf("message %d: %v %s", i, err, diff)
		}
		truncations(t, b, func(b []byte) error { return decode("message", b) })
		clear(b)
		if diff := cmp.Diff(m, got); diff != "" {
			t.Errorf("message %d shares memory: %s", i, diff)
		}
	}
	golden(t, "messages-v1.hex", all...)
	if m, err := DecodeMessage(AppendMessage(nil, &core.Message{Topic: "t", Extra: &core.Extra{}}, start), start); err != nil || m.Extra != nil {
		t.Errorf("an empty Extra is none: %v %+v", err, m)
	}
}

// TestMessageExpiryOverRestart: what the message has left goes down by the wall
// clock time that passes, and not below nothing.
func TestMessageExpiryOverRestart(t *testing.T) {
	now := time.Now() // with a monotonic reading, as in a real process
	m := expiring("a", 1, now.Add(10*time.Second))
	b := AppendMessage(nil, m, now.Add(time.Second))
	for away, want := range map[time.Duration]time.Duration{
		0: 9 * time.Second, 4 * time.Second: 5 * time.Second, time.Hour: 0, -time.Hour: time.Hour + 9*time.Second,
	} {
		later := now.Add(time.Second).Add(away)
		got, err := DecodeMessage(b, later)
		if err != nil {
			t.Fatal(err)
		}
		left := got.Extra.Expires.Sub(later)
		if left < want || left > want+time.Millisecond {
			t.Errorf("%v later: %v, want %v", away, left, want)
		}
	}
}

// TestMessageRoundTrip: encoding what was decoded changes nothing.
func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, rapid.Int64Range(0, 1<<61).Draw(t, "now"))
		m := &core.Message{
			Topic: core.Topic(rapid.StringMatching(`[a-z/é$]{1,20}`).Draw(t, "topic")), Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
			QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Publisher: rapid.String().Draw(t, "publisher"),
			Extra: &core.Extra{Expires: now.Add(time.Duration(rapid.Int64Range(-1<<60, 1<<62).Draw(t, "left"))), Properties: rapid.SliceOf(rapid.Byte()).Draw(t, "properties")},
		}
		b := AppendMessage(nil, m, now)
		got, err := DecodeMessage(b, now)
		if err != nil {
			t.Fatal(err)
		}
		again := AppendMessage(nil, got, now)
		if m.Expired(now) {
			if !got.Expired(now) {
				t.Fatal("expired before, but not any more")
			}
		} else if got.Expired(now) || !bytes.Equal(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
