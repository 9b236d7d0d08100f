package frame

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/muster-mqtt/muster/discovery"
)

var testKey = bytes.Repeat([]byte{7}, 32)

const testCluster = "mustercl"

func announcement() Frame {
	return Frame{
		Kind: Announcement, Asks: true, UID: UID{0: 0xaa, 15: 0x0f}, Incarnation: 3,
		Time: time.Unix(1_800_000_000, 5), Nonce: [16]byte{1, 2, 3}, Lifetime: 30 * time.Second,
		Name: "n1@10.0.0.1", Endpoints: []discovery.Endpoint{{Host: "10.0.0.1", Port: 4371}, {Host: "h.example.com"}},
	}
}

// golden is the announcement, written by hand from README.md.
const golden = "4d535443" + "01" + "01" + "01" + "00" + // magic, version, kind, flags, reserved
	"CLUSTER_" + "aa00000000000000000000000000000f" + "0000000000000003" +
	"18fae27693b40005" + "01020300000000000000000000000000" +
	"00007530" + "0b" + "6e314031302e302e302e31" + "02" +
	"1113" + "08" + "31302e302e302e31" +
	"0000" + "0d" + "682e6578616d706c652e636f6d"

// write puts the code behind bytes in hexadecimal form.
func write(t *testing.T, text string, key []byte) []byte {
	t.Helper()
	cluster := sha256.Sum256([]byte(testCluster))
	said, err := hex.DecodeString(strings.Replace(text, "CLUSTER_", hex.EncodeToString(cluster[:8]), 1))
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, key)
	m.Write(said)
	return m.Sum(said)
}

func TestLayout(t *testing.T) {
	c := New(testCluster, testKey)
	want := write(t, golden, testKey)
	got, err := c.Seal(announcement())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" {
		t.Error(diff)
	}
	f, err := c.Open(want)
	if diff := cmp.Diff(announcement(), f); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// Every byte of a frame is under its code.
func TestEveryBitCounts(t *testing.T) {
	c := New(testCluster, testKey)
	good, err := c.Seal(announcement())
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if f, err := c.Open(bad); err == nil {
			t.Fatalf("with bit %d turned it is %+v", i, f)
		}
	}
	for n := range len(good) {
		if _, err := c.Open(good[:n]); err == nil {
			t.Fatalf("its first %d bytes are taken", n)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := write(t, golden, testKey)
	change := func(at int, b byte) []byte {
		out := bytes.Clone(good)
		out[at] = b
		return out
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":         {nil, ErrStrange},
		"text":            {[]byte(strings.Repeat("hello ", 20)), ErrStrange},
		"too short":       {good[:headSize+macSize-1], ErrStrange},
		"too long":        {append(bytes.Clone(good), make([]byte, MaxSize)...), ErrStrange},
		"other magic":     {change(0, 'X'), ErrStrange},
		"other version":   {change(4, 2), ErrVersion},
		"other cluster":   {change(8, good[8]+1), ErrCluster},
		"other key":       {write(t, golden, []byte("another key")), ErrForged},
		"changed":         {change(20, 9), ErrForged},
		"kind 0":          {write(t, strings.Replace(golden, "01010100", "01000100", 1), testKey), ErrMalformed},
		"kind 4":          {write(t, strings.Replace(golden, "01010100", "01040100", 1), testKey), ErrMalformed},
		"a flag":          {write(t, strings.Replace(golden, "01010100", "01010300", 1), testKey), ErrMalformed},
		"reserved":        {write(t, strings.Replace(golden, "01010100", "01010101", 1), testKey), ErrMalformed},
		"a long question": {write(t, strings.Replace(golden, "01010100", "01030100", 1), testKey), ErrMalformed},
		"no time":         {write(t, strings.Replace(golden, "18fae27693b40005", "0000000000000000", 1), testKey), ErrMalformed},
		"time below 0":    {write(t, strings.Replace(golden, "18fae27693b40005", "f8fae27693b40005", 1), testKey), ErrMalformed},
		"no lifetime":     {write(t, strings.Replace(golden, "00007530", "00000000", 1), testKey), ErrMalformed},
		"long lifetime":   {write(t, strings.Replace(golden, "00007530", "0000ea61", 1), testKey), ErrMalformed},
		"name ends early": {write(t, strings.Replace(golden, "0b6e31", "ff6e31", 1), testKey), ErrMalformed},
		"no name":         {write(t, strings.Replace(golden, "0b6e314031302e302e302e31", "00", 1), testKey), ErrMalformed},
		"name without @":  {write(t, strings.Replace(golden, "6e314031302e302e302e31", "6e312e31302e302e302e31", 1), testKey), ErrMalformed},
		"newline in name": {write(t, strings.Replace(golden, "6e314031302e302e302e31", "6e31400a302e302e302e31", 1), testKey), ErrMalformed},
		"no endpoints":    {write(t, golden[:strings.Index(golden, "021113")]+"00", testKey), ErrMalformed},
		"17 endpoints":    {write(t, golden[:strings.Index(golden, "021113")]+"11"+strings.Repeat("11130168", 17), testKey), ErrMalformed},
		"one too many":    {write(t, golden+"11130168", testKey), ErrMalformed},
		"no host":         {write(t, golden[:strings.Index(golden, "021113")]+"01111300", testKey), ErrMalformed},
		"host with slash": {write(t, golden[:strings.Index(golden, "021113")]+"011113036a2f6a", testKey), ErrMalformed},
		"host 0.0.0.0":    {write(t, golden[:strings.Index(golden, "021113")]+"01111307"+hex.EncodeToString([]byte("0.0.0.0")), testKey), ErrMalformed},
		"host with zone":  {write(t, golden[:strings.Index(golden, "021113")]+"01111309"+hex.EncodeToString([]byte("fe80::1%l")), testKey), ErrMalformed},
	} {
		if f, err := New(testCluster, testKey).Open(c.data); !errors.Is(err, c.want) || f.Kind != 0 {
			t.Errorf("%s: %+v, %v; want %v", name, f, err, c.want)
		}
	}
	if _, err := New("mustercl2", testKey).Open(good); !errors.Is(err, ErrCluster) {
		t.Errorf("by another cluster: %v", err)
	}
}

// What cannot be opened is not sealed.
func TestSealRefuses(t *testing.T) {
	for name, change := range map[string]func(*Frame){
		"kind":         func(f *Frame) { f.Kind = 0 },
		"no endpoints": func(f *Frame) { f.Endpoints = nil },
		"no name":      func(f *Frame) { f.Name = "" },
		"long name":    func(f *Frame) { f.Name = "n@" + strings.Repeat("h", 254) },
		"long host":    func(f *Frame) { f.Endpoints[0].Host = strings.Repeat("h", 254) },
		"no lifetime":  func(f *Frame) { f.Lifetime = 0 },
		"lifetime":     func(f *Frame) { f.Lifetime = time.Hour },
		"lifetime < 0": func(f *Frame) { f.Lifetime = -time.Second },
		"no time":      func(f *Frame) { f.Time = time.Time{} },
		"farewell":     func(f *Frame) { f.Kind = Farewell },
	} {
		f := announcement()
		change(&f)
		if out, err := New(testCluster, testKey).Seal(f); !errors.Is(err, ErrMalformed) || out != nil {
			t.Errorf("%s: %x, %v", name, out, err)
		}
	}
}

// A node with the longest names and any number of endpoints fits.
func TestFits(t *testing.T) {
	f := announcement()
	f.Name = "n@" + strings.Repeat("h", 253)
	f.Endpoints = nil
	for i := range 40 {
		f.Endpoints = append(f.Endpoints, discovery.Endpoint{Host: strings.Repeat("h", 253), Port: uint16(i)})
	}
	for _, hosts := range [][]discovery.Endpoint{f.Endpoints, f.Endpoints[:1]} {
		f.Endpoints = hosts
		c := New(testCluster, testKey)
		out, err := c.Seal(f)
		if err != nil || len(out) > MaxSize {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		back, err := c.Open(out)
		if err != nil || len(back.Endpoints) == 0 || back.Endpoints[0] != hosts[0] {
			t.Errorf("%+v, %v", back, err)
		}
	}
}

func frames() *rapid.Generator[Frame] {
	return rapid.Custom(func(t *rapid.T) Frame {
		f := Frame{
			Kind: rapid.SampledFrom([]Kind{Announcement, Farewell, Question}).Draw(t, "kind"),
			UID:  UID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uid")), Nonce: [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "nonce")),
			Incarnation: rapid.Uint64().Draw(t, "incarnation"), Time: time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "time")),
		}
		f.Asks = f.Kind == Question || f.Kind == Announcement && rapid.Bool().Draw(t, "asks")
		if f.Kind == Announcement {
			f.Lifetime = time.Duration(rapid.Int64Range(1, 60_000).Draw(t, "lifetime")) * time.Millisecond
			f.Name = rapid.StringMatching(`[a-z0-9_.-]{1,20}@[a-z0-9.:-]{1,40}`).Draw(t, "name")
			f.Endpoints = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) discovery.Endpoint {
				host := rapid.SampledFrom([]string{"10.0.0.1", "fd00::1", "h", "h.x", "::1", "a_b-c.d"}).Draw(t, "host")
				return discovery.Endpoint{Host: host, Port: rapid.Uint16().Draw(t, "port")}
			}), 1, maxEndpoints).Draw(t, "endpoints")
		}
		return f
	})
}

func TestThereAndBack(t *testing.T) {
	c := New(testCluster, testKey)
	rapid.Check(t, func(t *rapid.T) {
		f := frames().Draw(t, "frame")
		out, err := c.Seal(f)
		if err != nil {
			t.Fatal(err)
		}
		back, err := c.Open(out)
		if diff := cmp.Diff(f, back); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// FuzzParse gives the parser what an insider could send: there is one way to
// say anything, and no bytes that upset it.
func FuzzParse(f *testing.F) {
	c := New(testCluster, testKey)
	for _, kind := range []Kind{Announcement, Farewell, Question} {
		fr := announcement()
		fr.Kind, fr.Asks = kind, kind == Question
		if out, err := c.Seal(fr); err == nil {
			f.Add(out[:len(out)-macSize])
		}
	}
	f.Add(binary.BigEndian.AppendUint64(make([]byte, headSize), 1))
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) < headSize || len(said) > MaxSize-macSize {
			return
		}
		said = bytes.Clone(said)
		copy(said, magic)
		said[atVersion] = version
		copy(said[atCluster:], c.cluster[:])
		fr, err := parse(said)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || fr.Kind != 0 {
				t.Fatalf("%+v, %v", fr, err)
			}
			return
		}
		again, err := c.Seal(fr)
		if err != nil || !bytes.Equal(again[:len(again)-macSize], said) {
			t.Fatalf("%x is taken as %+v, which is %x, %v", said, fr, again, err)
		}
	})
}

// FuzzOpen gives it what anybody could send.
func FuzzOpen(f *testing.F) {
	c := New(testCluster, testKey)
	good, _ := c.Seal(announcement())
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		if fr, err := c.Open(data); err == nil && !bytes.Equal(data, good) {
			t.Fatalf("%x is taken for %+v", data, fr)
		}
	})
}

func TestUID(t *testing.T) {
	const text = "00112233-4455-6677-8899-aabbccddeeff"
	u, err := ParseUID(strings.ToUpper(text))
	if err != nil || u.String() != text {
		t.Errorf("%s, %v", u, err)
	}
	for _, bad := range []string{"", "x", text[1:], strings.ReplaceAll(text, "-", ""), text + "0", "0011223-34455-6677-8899-aabbccddeeff", "é0112233-4455-6677-8899-aabbccddeef"} {
		if u, err := ParseUID(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, u)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	c := New(testCluster, testKey)
	good, _ := c.Seal(announcement())
	forged := bytes.Clone(good)
	forged[len(forged)-1]++
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Open(forged); err == nil {
			b.Fatal("taken")
		}
	}
}
