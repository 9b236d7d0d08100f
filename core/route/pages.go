package route

import (
	"sync/atomic"
	"unsafe"
)

const pageLen = 1024

// pages is a sequence that grows at its end while others read it. An element
// may be read by whoever learned its index after it was published.
type pages[T any] struct {
	dir  atomic.Pointer[[]*[pageLen]T]
	last *[pageLen]T // the writer's; the page that grows
	len  uint32      // the writer's; the next index
}

// grow returns the next index and its zero element. Index 0 is never given
// out: it means none.
func (p *pages[T]) grow() (uint32, *T) {
	p.len = max(p.len, 1)
	i := p.len
	if p.last == nil || i%pageLen == 0 {
		p.addPage()
	}
	p.len = i + 1
	return i, &p.last[i%pageLen]
}

func (p *pages[T]) addPage() {
	var dir []*[pageLen]T
	if d := p.dir.Load(); d != nil {
		dir = *d
	}
	p.last = new([pageLen]T)
	dir = append(dir, p.last) // readers hold the shorter slice
	p.dir.Store(&dir)
}

// at returns the element of an index that grow returned.
func (p *pages[T]) at(i uint32) *T { return &(*p.dir.Load())[i/pageLen][i%pageLen] }

// span is a place in a text: length bytes at offset of a chunk.
type span struct {
	chunk  uint32
	offset uint16
	length uint16
}

const maxChunk = 1 << 16

// text holds the bytes of all filters of an arena, each within one chunk.
type text struct {
	dir    atomic.Pointer[[][]byte]
	last   []byte // the writer's; the chunk that fills
	filled int    // of last
	bytes  int    // of all chunks
}

// add copies s, of at most 65,535 bytes, to the end.
func (t *text) add(s string) span {
	if t.filled+len(s) > len(t.last) {
		t.addChunk(len(s))
	}
	chunk := len(*t.dir.Load()) - 1
	at := span{chunk: uint32(chunk), offset: uint16(t.filled), length: uint16(len(s))}
	t.filled += copy(t.last[t.filled:], s)
	return at
}

// addChunk makes room for at least size bytes; small indexes have small
// chunks.
func (t *text) addChunk(size int) {
	var dir [][]byte
	if d := t.dir.Load(); d != nil {
		dir = *d
	}
	size = max(size, 1024, min(t.bytes, maxChunk))
	t.last = make([]byte, size)
	dir = append(dir, t.last)
	t.dir.Store(&dir)
	t.filled = 0
	t.bytes += size
}

// get returns the text of a span without a copy: bytes of a chunk are never
// changed once they are published. The string keeps its chunk in memory.
func (t *text) get(s span) string {
	b := (*t.dir.Load())[s.chunk][s.offset:][:s.length]
	return unsafe.String(unsafe.SliceData(b), len(b))
}
