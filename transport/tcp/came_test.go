package tcp

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

var _ interface{ Came() uint64 } = (*link)(nil) // core/node asks for it

// Bytes count when they come, not when their frame is whole.
func TestCameCountsPartsOfFrames(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	l := &link{}
	var limit atomic.Int64
	limit.Store(100)
	l.in.src, l.in.limit = near, &limit
	read := make(chan error, 1)
	go func() {
		_, err := l.in.next()
		read <- err
	}()
	for _, part := range []string{"\x00\x00\x00\x05", "ab"} {
		if _, err := far.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	_ = far.Close()
	if err := <-read; err != io.ErrUnexpectedEOF || l.Came() != 6 {
		t.Errorf("%d bytes, %v", l.Came(), err)
	}
}
