package packet

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestRelease takes the buffer away and gives another one at random moments:
// the packets must be those that were written.
func TestRelease(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		payloads := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 100), 1, 20).Draw(t, "payloads")
		for _, b := range payloads {
			stream = Publish{Topic: []byte("t"), Payload: b}.Append(stream)
		}
		src := io.Reader(bytes.NewReader(stream))
		if rapid.Bool().Draw(t, "pieces") {
			src = iotest.OneByteReader(src)
		}
		r := NewReader(src, nil, 1024)
		for i, want := range payloads {
			exchange(t, r)
			p, err := r.Next()
			if m, err2 := p.Publish(); err != nil || err2 != nil || !bytes.Equal(m.Payload, want) {
				t.Fatalf("packet %d: %v %v %x", i, err, err2, m.Payload)
			}
		}
		if err := r.Wait(); err != io.EOF || r.Buffered() != 0 {
			t.Fatalf("at the end: %v, %d buffered", err, r.Buffered())
		}
	})
}

// exchange does some of what an owner of buffers may do, and spoils what the
// Reader has given up.
func exchange(t *rapid.T, r *Reader) {
	if rapid.Bool().Draw(t, "release") {
		buffered := r.Buffered()
		if buf := r.Release(); buf != nil {
			clear(buf)
		}
		if r.Buffered() != buffered {
			t.Fatalf("%d buffered, %d after Release", buffered, r.Buffered())
		}
	}
	if rapid.Bool().Draw(t, "wait") {
		if err := r.Wait(); err != nil || r.Buffered() == 0 {
			t.Fatalf("wait: %v, %d buffered", err, r.Buffered())
		}
	}
	if rapid.Bool().Draw(t, "attach") {
		r.Attach(make([]byte, rapid.IntRange(0, 300).Draw(t, "buffer")))
	}
}

// TestIdle: a Reader whose stream is silent holds no buffer, and what it reads
// while it waits fits into what it holds.
func TestIdle(t *testing.T) {
	wire := bytes.Repeat(Publish{Topic: []byte("t"), Payload: make([]byte, 40)}.Append(nil), 2)
	buf := make([]byte, 64)
	r := NewReader(bytes.NewReader(wire), buf, 1024)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if r.Buffered() == 0 || r.Release() != nil {
		t.Errorf("%d buffered, and the buffer was handed back", r.Buffered())
	}
	if p, err := r.Next(); err != nil || p.Kept {
		t.Fatal(err, p.Kept)
	}
	if got := r.Release(); &got[0] != &buf[0] || r.Release() != nil {
		t.Error("not the buffer that it was given, or twice")
	}
	if r.Attach(make([]byte, 16)) || !r.Attach(make([]byte, 17)) || r.Attach(make([]byte, 17)) {
		t.Error("took a buffer that is no gain, or not one that is")
	}
	if allocated := testing.AllocsPerRun(100, func() { r.Attach(buf); r.Release() }); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// TestVersions reads a stream that begins with a CONNECT and goes on by its
// version.
func TestVersions(t *testing.T) {
	stream := Connect{Version: Version5, ClientID: "c"}.Append(nil)
	stream = Publish{Version: Version5, Topic: []byte("t"), Alias: 3}.Append(stream)
	r := NewReader(bytes.NewReader(append(stream, 0xf0, 0)), nil, 1024)
	p, err := r.Next()
	req, err2 := p.Connect()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	r.SetVersion(req.Version)
	p, err = r.Next()
	if m, err2 := p.Publish(); err != nil || err2 != nil || m.Alias != 3 || m.Version != Version5 {
		t.Fatal(err, err2, m)
	}
	if p, err = r.Next(); err != nil || p.Type != TypeAuth {
		t.Fatal(err, p)
	}
}
