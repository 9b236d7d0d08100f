package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// made is a segment of batches of one record each, with a mark that is known.
func made(number, first uint64, records ...string) []byte {
	h := segmentHeader{number: number, first: first, mark: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}
	out := h.encode()
	for i, r := range records {
		b := appendRecord(make([]byte, batchSize), kind, []byte(r))
		sealBatch(b, h.mark, first+uint64(i))
		out = append(out, b...)
	}
	return out
}

// end is the batch that ends a checkpoint in a segment of made.
func end(seq uint64) []byte {
	b := appendRecord(make([]byte, batchSize), kindEnd, nil)
	sealBatch(b, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, seq)
	return b
}

const oneBatch = batchSize + 3 // of a record of one byte

// resealed has the checksum of its header made right again.
func resealed(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return b
}

func flipped(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 1
	return b
}

// TestTorn: what a kill leaves at the end is cut off and counted.
func TestTorn(t *testing.T) {
	whole := made(1, 1, "a", "b", "c")
	last := len(whole) - oneBatch
	for name, c := range map[string]struct {
		files [][]byte
		want  string
		cut   int
	}{
		"nothing":            {[][]byte{{}}, "", 0},
		"half a header":      {[][]byte{whole[:20]}, "", 20},
		"a header of zeros":  {[][]byte{make([]byte, headerSize)}, "", headerSize},
		"no batch":           {[][]byte{whole[:headerSize]}, "", 0},
		"half a head":        {[][]byte{whole[:last+5]}, "a b", 5},
		"half a batch":       {[][]byte{whole[:len(whole)-1]}, "a b", oneBatch - 1},
		"zeros after it":     {[][]byte{append(slices.Clone(whole), make([]byte, 200)...)}, "a b c", 200},
		"rubbish after it":   {[][]byte{append(slices.Clone(whole), "rubbish"...)}, "a b c", 7},
		"a batch with holes": {[][]byte{flipped(whole, len(whole)-1)}, "a b", oneBatch},
		"the second segment": {[][]byte{whole, made(2, 4, "d")[:headerSize+9]}, "a b c", 9},
		"its header":         {[][]byte{whole, made(2, 4, "d")[:9]}, "a b c", 9},
	} {
		t.Run(name, func(t *testing.T) {
			d := newMemDir()
			for i, content := range c.files {
				d.files[nameOf(uint64(i+1))] = content
			}
			j, got := opened(t, Options{dir: d})
			if strings.Join(got, " ") != c.want || count(j, "journal_cut_bytes_total", "") != uint64(c.cut) {
				t.Errorf("got %q, %d bytes cut", got, count(j, "journal_cut_bytes_total", ""))
			}
			put(j, "new")
			shut(t, j)
			if got := contents(t, d); strings.Join(got, " ") != strings.TrimSpace(c.want+" new") {
				t.Errorf("later: %q", got)
			}
		})
	}
}

// TestDamage: whatever else is wrong is refused with its place, and nothing is
// changed.
func TestDamage(t *testing.T) {
	whole := made(1, 1, "a", "b", "c")
	second := headerSize + oneBatch
	later := func(b []byte) []byte { b[7] = 9; return resealed(b) }
	for name, c := range map[string]struct {
		files  map[uint64][]byte
		offset int64
		text   string
	}{
		"a bit in the middle":     {map[uint64][]byte{1: flipped(whole, second+oneBatch-1)}, int64(second), "wrong checksum, and a whole one at byte 98"},
		"a length in the middle":  {map[uint64][]byte{1: flipped(whole, second+14)}, int64(second), "of which there are only"},
		"a mark in the middle":    {map[uint64][]byte{1: flipped(whole, second)}, int64(second), "there is no batch here"},
		"an end in the middle":    {map[uint64][]byte{1: whole[:len(whole)-2], 2: made(2, 4)}, int64(second + oneBatch), "of which there are only 1"},
		"a batch is missing":      {map[uint64][]byte{1: append(slices.Clone(whole[:second]), whole[second+oneBatch:]...)}, int64(second), "batch 3 where 2 is to be"},
		"a batch is there twice":  {map[uint64][]byte{1: append(slices.Clone(whole), whole[second:]...)}, int64(len(whole)), "batch 2 where 4 is to be"},
		"another version":         {map[uint64][]byte{1: later(slices.Clone(whole))}, 0, "version 9 of the journal, of which this program knows only 1"},
		"another file":            {map[uint64][]byte{1: []byte("#!/bin/sh\nexit 0\n")}, 0, "not a segment"},
		"a bit in the header":     {map[uint64][]byte{1: flipped(whole, 12)}, 0, "the header has a wrong checksum"},
		"zeros":                   {map[uint64][]byte{1: make([]byte, 100)}, 0, "the header is zeros"},
		"a torn header before":    {map[uint64][]byte{1: whole[:9], 2: made(2, 1)}, 0, "the header was not written whole"},
		"another name":            {map[uint64][]byte{1: made(7, 1, "a")}, 0, "segment 00000000000000000007.journal under another name"},
		"a segment is missing":    {map[uint64][]byte{1: whole, 3: made(3, 5)}, -1, "segment 00000000000000000002.journal is missing"},
		"a batch between":         {map[uint64][]byte{1: whole, 2: made(2, 5)}, 0, "it begins with batch 5, and the segment before ends with 3"},
		"the beginning is gone":   {map[uint64][]byte{2: made(2, 4, "d")}, -1, "the segments before 00000000000000000002.journal are missing"},
		"all is gone but a start": {map[uint64][]byte{2: made(2, 4, "d")[:10]}, 0, "the header was not written whole"},
		"an unknown record":       {map[uint64][]byte{1: withKind(0x02)}, headerSize, "record of kind 0x02"},
		"the owner refuses":       {map[uint64][]byte{1: withKind(kind + 1)}, headerSize, "kind 33"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newMemDir()
			for n, content := range c.files {
				d.files[nameOf(n)] = content
			}
			j, _, err := tryOpen(t, Options{dir: d, Dir: "d"})
			defer shut(t, j)
			var damage *DamageError
			if err == nil || !strings.Contains(err.Error(), c.text) || errors.As(err, &damage) != (c.offset >= 0) {
				t.Fatalf("got %v", err)
			}
			if damage != nil && (damage.Offset != c.offset || !strings.HasPrefix(damage.File, "d/0000")) {
				t.Errorf("at %s %d, want %d", damage.File, damage.Offset, c.offset)
			}
			for n, content := range c.files {
				if !bytes.Equal(content, d.files[nameOf(n)]) {
					t.Errorf("segment %d was changed", n)
				}
			}
		})
	}
}

func withKind(k byte) []byte {
	b := appendRecord(make([]byte, batchSize), k, []byte("x"))
	out := made(1, 1)
	sealBatch(b, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, 1)
	return append(out, b...)
}

// TestStrangers: other files in the directory are left alone.
func TestStrangers(t *testing.T) {
	d := newMemDir()
	d.files["lost+found"], d.files["1.journal"], d.files["00000000000000000000.journal"] = nil, nil, nil
	j, _ := opened(t, Options{dir: d})
	put(j, "a")
	shut(t, j)
	if len(d.files) != 4 {
		t.Errorf("%d files", len(d.files))
	}
}

// TestOlderSegments: what is older than the last whole state is deleted at the
// next start, if a kill came before that.
func TestOlderSegments(t *testing.T) {
	d := newMemDir()
	d.files[nameOf(1)] = made(1, 1, "old")
	d.files[nameOf(2)] = append(made(2, 2, "whole"), end(3)...)
	d.files[nameOf(3)] = made(3, 4, "new")
	if got := contents(t, d); !slices.Equal(got, []string{"old", "whole", "new"}) {
		t.Errorf("got %q", got)
	}
	if got := contents(t, d); !slices.Equal(got, []string{"whole", "new"}) || len(d.files) != 2 {
		t.Errorf("got %q of %d files", got, len(d.files))
	}
}

// TestGolden: the format of version 1 does not change.
func TestGolden(t *testing.T) {
	content := append(made(1, 1, "one", "two", ""), end(4)...)
	const name = "testdata/version1.hex"
	if *update {
		if err := os.WriteFile(name, []byte(hex.Dump(content)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(content) != string(golden) {
		t.Errorf("the format has changed:\n%s", hex.Dump(content))
	}
	d := newMemDir()
	d.files[nameOf(1)] = content
	if got := contents(t, d); !slices.Equal(got, []string{"one", "two", ""}) {
		t.Errorf("got %q", got)
	}
}

// FuzzRecover: no bytes make the recovery panic or allocate more than they
// are; what it accepts it accepts again, with what was added since.
func FuzzRecover(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(made(1, 1, "a", "b"), made(2, 3, "c"))
	f.Add(append(made(1, 1, "a"), end(2)...), made(2, 3)[:20])
	f.Add(flipped(made(1, 1, "a", "b"), headerSize+9), []byte(nil))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		d := newMemDir()
		d.files[nameOf(1)] = mended(one)
		if len(two) > 0 {
			d.files[nameOf(2)] = mended(two)
		}
		j, err := New(Options{dir: d})
		if err != nil {
			t.Fatal(err)
		}
		r := recovery{j: j, yield: func(byte, []byte) error { return nil }}
		defer r.close()
		if err := r.run(); err != nil {
			return
		}
		if cap(r.buf) > 2*max(len(one), len(two))+256 {
			t.Errorf("%d bytes for %d", cap(r.buf), max(len(one), len(two)))
		}
		again(t, d)
	})
}

// mended has right checksums wherever a batch seems to be, so that the fuzzer
// gets past them.
func mended(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) < headerSize {
		return b
	}
	resealed(b)
	for at := headerSize; at+batchSize <= len(b); {
		n := binary.LittleEndian.Uint64(b[at+8:])
		if n > uint64(len(b)-at-batchSize) {
			break
		}
		end := at + batchSize + int(n)
		binary.LittleEndian.PutUint32(b[at+24:], sumOf(b[at:at+24], b[at+batchSize:end]))
		at = end
	}
	return b
}

func again(t *testing.T, d *memDir) {
	var want []string
	for i := range 2 {
		j, err := New(Options{dir: d})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := j.Recover(func(k byte, r []byte) error { got = append(got, fmt.Sprint(k, string(r))); return nil }); err != nil {
			t.Fatal(err)
		}
		if i > 0 && !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		want = append(got, fmt.Sprint(kind, "new"))
		put(j, "new")
		shut(t, j)
	}
}
