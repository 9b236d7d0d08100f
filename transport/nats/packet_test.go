package nats

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encode is a whole packet, as a data packet is built by writer.
func encode(p packet) []byte { return append(p.control(), p.body...) }

func TestPacketGolden(t *testing.T) {
	p := packet{kind: kindData, dialler: true, from: uid{0xaa, 15: 0xbb}, link: 0x0102030405060708, number: 0x1122, body: []byte("body")}
	want := "01" + "04" + "01" + "aa0000000000000000000000000000bb" + "0807060504030201" + "2211000000000000" + hex.EncodeToString(p.body)
	if got := hex.EncodeToString(encode(p)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := decodePacket(encode(p))
	if diff := cmp.Diff(p, back, cmp.AllowUnexported(packet{})); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestPacketRefused(t *testing.T) {
	good := encode(packet{kind: kindData, body: []byte("x")})
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:headerBytes-1], "another version": change(0, 2), "kind 0": change(1, 0),
		"kind 10": change(1, 10), "flags": change(2, 2), "no data in a data packet": good[:headerBytes], "a body elsewhere": change(1, byte(kindClose)),
	} {
		if p, err := decodePacket(b); !errors.Is(err, errPacket) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(encode(packet{kind: kindData, body: []byte("x")}))
	f.Add(packet{kind: kindHello, number: 1}.control())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePacket(b)
		if err == nil && !bytes.Equal(encode(p), b) {
			t.Errorf("%x reads as %+v", b, p)
		}
	})
}
