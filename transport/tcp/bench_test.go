package tcp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
)

// BenchmarkLink measures frames from one end of a link to the other, and
// beside it the least that any framing over the same loopback can cost: one
// buffered writer and one buffered reader without limits, errors or closing.
func BenchmarkLink(b *testing.B) {
	for _, size := range []int{64, 1024, 65536} {
		for _, batch := range []int{1, 16} {
			name := fmt.Sprintf("size=%d/batch=%d", size, batch)
			b.Run("link/"+name, func(b *testing.B) { benchLink(b, size, batch) })
			b.Run("bare/"+name, func(b *testing.B) { benchBare(b, size, batch) })
		}
	}
}

func benchLink(b *testing.B, size, batch int) {
	from, to := connect(b)
	frames := make([][]byte, batch)
	for i := range frames {
		frames[i] = make([]byte, size)
	}
	rounds := (b.N + batch - 1) / batch
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	sent := make(chan error, 1)
	go func() {
		for range rounds {
			if err := from.Send(frames...); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for range rounds * batch {
		if frame, err := to.Receive(); err != nil || len(frame) != size {
			b.Fatalf("Receive: %d bytes, %v", len(frame), err)
		}
	}
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
}

func benchBare(b *testing.B, size, batch int) {
	from, to := pipe(b)
	out, in := bufio.NewWriterSize(from, 64<<10), bufio.NewReaderSize(to, 64<<10)
	frame, got := make([]byte, headerLen+size), make([]byte, headerLen+size)
	binary.BigEndian.PutUint32(frame, uint32(size))
	rounds := (b.N + batch - 1) / batch
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range rounds {
			for range batch {
				_, _ = out.Write(frame)
			}
			_ = out.Flush()
		}
	}()
	for range rounds * batch {
		if _, err := io.ReadFull(in, got[:headerLen]); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(in, got[headerLen:]); err != nil {
			b.Fatal(err)
		}
	}
}

// pipe returns both ends of a connection over loopback.
func pipe(b *testing.B) (from, to net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if from, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if to, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = from.Close(), to.Close() })
	return from, to
}
