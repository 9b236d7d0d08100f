package wire

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
)

func identity(n byte) Identity {
	return Identity{Cluster: "main", UID: uid(n), Incarnation: 3, Name: "n1@10.0.0.1", Features: 1}
}

// side is how one end of a test handshake is made.
type side struct {
	id       Identity
	key      Key
	info     transport.Info
	min, max uint16
	nonce    byte
}

func sides() (d, a side) {
	d = side{id: identity(1), key: Key{1}, min: 1, max: 1, nonce: 'd'}
	a = side{id: identity(2), key: Key{1}, min: 1, max: 1, nonce: 'a'}
	return d, a
}

func (s side) handshake(t testing.TB, role Role) *Handshake {
	t.Helper()
	h, err := NewHandshake(role, s.id, Options{Key: s.key, Info: s.info, Rand: bytes.NewReader(bytes.Repeat([]byte{s.nonce}, nonceLen))})
	if err != nil {
		t.Fatal(err)
	}
	h.own.min, h.own.max = s.min, s.max
	h.mine = appendHello(nil, h.own)
	return h
}

// result is what one end of a test handshake came to.
type result struct {
	done bool
	err  error
	peer Peer
}

// run carries frames between two ends until neither has more to say; change
// may alter each frame on its way.
func run(t testing.TB, d, a side, change func(n int, frame []byte) []byte) (rd, ra result) {
	t.Helper()
	dialler, accepter := d.handshake(t, Dialler), a.handshake(t, Accepter)
	frame := dialler.Start()
	for n := 0; frame != nil; n++ {
		if len(frame) > MaxHello {
			t.Fatalf("frame %d has %d bytes", n, len(frame))
		}
		if change != nil {
			frame = change(n, bytes.Clone(frame))
		}
		h, r := accepter, &ra
		if n%2 == 1 {
			h, r = dialler, &rd
		}
		frame, r.done, r.err = h.Step(frame)
	}
	rd.peer, ra.peer = dialler.Result(), accepter.Result()
	return rd, ra
}

func TestHandshake(t *testing.T) {
	d, a := sides()
	d.info.Exporter, a.info.Exporter = []byte("exporter"), []byte("exporter")
	names := []string{"hello of the dialler", "hello of the accepter", "proof of the dialler", "proof of the accepter"}
	rd, ra := run(t, d, a, func(n int, frame []byte) []byte {
		golden(t, names[n], frame)
		return frame
	})
	if !rd.done || !ra.done || rd.err != nil || ra.err != nil {
		t.Fatalf("%+v %+v", rd, ra)
	}
	want := Peer{Identity: a.id, Protocol: 1, Send: ra.peer.Recv, Recv: ra.peer.Send}
	if diff := cmp.Diff(want, rd.peer); diff != "" || ra.peer.Identity != d.id || ra.peer.Protocol != 1 {
		t.Errorf("peers differ:\n%s", diff)
	}
	if rd.peer.Send == rd.peer.Recv || rd.peer.Send == (Key{}) || rd.peer.Send == d.key {
		t.Errorf("keys are not of their own: %x %x", rd.peer.Send[:], rd.peer.Recv[:])
	}
	golden(t, "keys", append(rd.peer.Send[:], rd.peer.Recv[:]...))
}

func TestHandshakeAgreesOnTheVersion(t *testing.T) {
	d, a := sides()
	d.min, d.max, a.min, a.max = 1, 4, 3, 9
	rd, ra := run(t, d, a, nil)
	if rd.peer.Protocol != 4 || ra.peer.Protocol != 4 {
		t.Errorf("versions %d and %d", rd.peer.Protocol, ra.peer.Protocol)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(d, a *side)
		code   Code
		byD    bool // the dialler refuses, not the accepter
	}{
		{"cluster", func(d, _ *side) { d.id.Cluster = "other" }, RefuseCluster, false},
		{"long cluster name", func(d, _ *side) { d.id.Cluster = strings.Repeat("x", 255) }, RefuseCluster, false},
		{"newer", func(d, _ *side) { d.min, d.max = 2, 3 }, RefuseVersion, false},
		{"older", func(_, a *side) { a.min, a.max = 2, 3 }, RefuseVersion, false},
		{"own uid", func(d, a *side) { d.id.UID = a.id.UID }, RefuseSelf, false},
		{"own nonce", func(d, a *side) { d.nonce = a.nonce }, RefuseSelf, false},
		{"cookie", func(d, _ *side) { d.key = Key{9} }, RefuseProof, false},
		{"exporter", func(d, _ *side) { d.info.Exporter = []byte("x") }, RefuseProof, false},
		{"certificate of the dialler", func(_, a *side) { a.info.CertNames = []string{"10.0.0.2"} }, RefuseCertificate, false},
		{"certificate of the accepter", func(d, _ *side) { d.info.CertNames = []string{"b"} }, RefuseCertificate, true},
	}
	for _, test := range tests {
		d, a := sides()
		test.change(&d, &a)
		rd, ra := run(t, d, a, nil)
		own, told := ra, rd
		if test.byD {
			own, told = rd, ra
		}
		checkRefusal(t, test.name, own, test.code, false)
		checkRefusal(t, test.name, told, test.code, true)
	}
}

func checkRefusal(t *testing.T, name string, r result, code Code, byPeer bool) {
	t.Helper()
	var refused *Refusal
	if !errors.As(r.err, &refused) || refused.Code != code || refused.ByPeer != byPeer || r.done || r.peer != (Peer{}) {
		t.Errorf("%s: %+v", name, r)
		return
	}
	if who := "refused by the other node: "; strings.HasPrefix(refused.Error(), who) != byPeer || refused.Text == "" {
		t.Errorf("%s: %q", name, refused.Error())
	}
}

// Whatever byte of whatever frame is changed under way, no side is deceived:
// each has an error, or waits for ever, or is done with the true peer.
func TestEveryByteIsCovered(t *testing.T) {
	d, a := sides()
	var sizes []int
	run(t, d, a, func(_ int, f []byte) []byte { sizes = append(sizes, len(f)); return f })
	for n, size := range sizes {
		for i := range size {
			rd, ra := run(t, d, a, func(m int, f []byte) []byte {
				if m == n {
					f[i] ^= 0x10
				}
				return f
			})
			if rd.done || ra.done && n < 3 {
				t.Errorf("byte %d of frame %d changed: %+v %+v", i, n, rd, ra)
			}
		}
	}
}

// An attacker without the cookie records one handshake and plays its parts
// back to either side.
func TestReplayAndReflection(t *testing.T) {
	d, a := sides()
	var seen [][]byte
	run(t, d, a, func(_ int, f []byte) []byte { seen = append(seen, f); return f })

	a.nonce = 'A'
	accepter := a.handshake(t, Accepter)
	if _, _, err := accepter.Step(seen[0]); err != nil {
		t.Fatal(err)
	}
	if reply, done, err := accepter.Step(seen[2]); done || err == nil || bytes.Equal(reply[:1], []byte{typeProof}) {
		t.Errorf("replayed proof: %x %v %v", reply, done, err)
	}
	d.nonce = 'D'
	dialler := d.handshake(t, Dialler)
	proof, _, err := dialler.Step(seen[1])
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := dialler.Step(proof); done || err == nil {
		t.Errorf("reflected proof: %v %v", done, err)
	}
	if _, done, err := dialler.Step(seen[3]); done || err == nil || dialler.Result() != (Peer{}) {
		t.Errorf("a proof after a refusal: %v %v", done, err)
	}
	dialler = d.handshake(t, Dialler)
	_, _, err = dialler.Step(dialler.Start())
	checkRefusal(t, "reflected hello", result{err: err}, RefuseSelf, false)
}

func TestFramesOutOfPlace(t *testing.T) {
	d, a := sides()
	wrongRole := appendHello(nil, hello{role: Accepter, min: 1, max: 1, who: d.id})
	nobody := appendHello(nil, hello{role: Dialler, min: 1, max: 1, who: Identity{Cluster: "main", Name: "a@b", Incarnation: 1}})
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("GET / HTTP/1.1\r\n"), "proof first": {typeProof}, "wrong role": wrongRole,
		"too long": append(d.handshake(t, Dialler).Start(), make([]byte, MaxHello)...), "bad refusal": {typeRefuse}, "no uid": nobody,
	} {
		h := a.handshake(t, Accepter)
		if reply, done, err := h.Step(b); !errors.Is(err, ErrMalformed) || reply != nil || done || h.Start() != nil {
			t.Errorf("%s: %x %v %v", name, reply, done, err)
		}
	}
	later := append(d.handshake(t, Dialler).Start(), "later fields"...)
	if reply, _, err := a.handshake(t, Accepter).Step(later); err != nil || reply == nil {
		t.Errorf("hello with later fields: %v", err)
	}
	accepter := a.handshake(t, Accepter)
	if _, _, err := accepter.Step(later); err != nil {
		t.Fatal(err)
	}
	if _, done, err := accepter.Step(later); done || !errors.Is(err, ErrMalformed) {
		t.Errorf("two hellos: %v", err)
	}
}

func TestNewHandshakeRefusesIncompleteIdentities(t *testing.T) {
	for name, change := range map[string]func(*Identity, *Options){
		"no cluster":     func(id *Identity, _ *Options) { id.Cluster = "" },
		"long cluster":   func(id *Identity, _ *Options) { id.Cluster = strings.Repeat("x", 256) },
		"no uid":         func(id *Identity, _ *Options) { id.UID = [16]byte{} },
		"no incarnation": func(id *Identity, _ *Options) { id.Incarnation = 0 },
		"bad name":       func(id *Identity, _ *Options) { id.Name = "x" },
		"no key":         func(_ *Identity, o *Options) { o.Key = Key{} },
		"no randomness":  func(_ *Identity, o *Options) { o.Rand = strings.NewReader("short") },
	} {
		id, o := identity(1), Options{Key: Key{1}}
		change(&id, &o)
		if h, err := NewHandshake(Dialler, id, o); err == nil || h != nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewHandshake(0, identity(1), Options{Key: Key{1}}); err == nil {
		t.Error("no role: no error")
	}
	if _, err := NewHandshake(Dialler, identity(1), Options{Key: Key{1}}); err != nil {
		t.Errorf("default randomness: %v", err)
	}
}

func TestCertified(t *testing.T) {
	for _, test := range []struct {
		names string
		host  string
		want  bool
	}{
		{"", "h", false}, {"h", "h", true}, {"x H", "h", true}, {"x", "h", false}, {"*.b.c", "a.b.c", true},
		{"*.b.c", "b.c", false}, {"*.b.c", "a.a.b.c", false}, {"*.", "h", false}, {"*", "h", false}, {"fd00::1", "[fd00::1]", true},
		{"fd00::1", "fd00:0:0::1", true}, {"10.0.0.2", "10.0.0.1", false}, {"*.0.0.1", "10.0.0.1", false}, {"::ffff:10.0.0.1", "10.0.0.1", true},
		{"fe80::1", "fe80::1%eth0", true}, {"a.b.", "a.b", true}, {"a.b", "a.b.", true}, {".", "h", false}, {"10.0.0.1", "10.0.0.1.", true},
	} {
		if got := certified(strings.Fields(test.names), core.NodeID("n@"+test.host)); got != test.want {
			t.Errorf("names %q, host %q: %v", test.names, test.host, got)
		}
	}
	if !certified(nil, "n@h") {
		t.Error("nothing was verified, and yet something is compared")
	}
}

func TestStretchKey(t *testing.T) {
	k, err := StretchKey("cookie", "main")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stretched key", k[:])
	if _, err := StretchKey("", "main"); err == nil {
		t.Error("an empty cookie was taken")
	}
	want, err := hkdf.Key(sha256.New, k[:], nil, "discovery/static", 32)
	if got := k.Derive("discovery/static"); err != nil || !bytes.Equal(got[:], want) {
		t.Errorf("derived %x, want %x (%v)", got[:], want, err)
	}
}

func TestKeysDoNotShow(t *testing.T) {
	k := Key{0xab, 0xcd}
	var log bytes.Buffer
	timeless := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // its digits may be those of the key
		}
		return a
	}}
	slog.New(slog.NewJSONHandler(&log, timeless)).Info("x", "key", k, "peer", Peer{Send: k})
	slog.New(slog.NewTextHandler(&log, timeless)).Info("x", "key", k, "peer", Peer{Send: k})
	raw, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %x %s %+v %d %q", k, k, k, Peer{Recv: k}, k, k) + string(raw) + log.String()
	for _, leak := range []string{"abcd", "171", "205", "ABCD"} {
		if strings.Contains(text, leak) {
			t.Errorf("a key shows itself: %s", text)
		}
	}
}
