package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/muster-mqtt/muster/transport"
)

func addresses(r *rig) {
	ts := r.transports(2)
	if ts[0].Addr() == ts[1].Addr() {
		r.Errorf("two transports have one address, %q", ts[0].Addr())
	}
	a, b := r.connect(ts[0], ts[1])
	if got := a.Info().Remote; got != ts[1].Addr() {
		r.Errorf("the dialled link's remote address is %q; want the dialled %q", got, ts[1].Addr())
	}
	for _, l := range []transport.Link{a, b} {
		before := l.Info()
		if before.Local == "" || before.Remote == "" {
			r.Errorf("a link does not name its ends: %+v", before)
		}
		r.closed(l)
		if after := l.Info(); !reflect.DeepEqual(before, after) {
			r.Errorf("Info changed from %+v to %+v", before, after)
		}
	}
}

func binding(r *rig) {
	ts := r.transports(3)
	seen := map[string]bool{}
	for _, to := range ts[1:] {
		a, b := r.connect(ts[0], to)
		dialled, accepted := a.Info(), b.Info()
		if dialled.Encrypted != accepted.Encrypted {
			r.Errorf("one end says that the link is encrypted, the other that it is not: %+v and %+v", dialled, accepted)
		}
		if !bytes.Equal(dialled.Exporter, accepted.Exporter) {
			r.Errorf("the two ends have different exporters: %x and %x", dialled.Exporter, accepted.Exporter)
		}
		if key := string(dialled.Exporter); key != "" && seen[key] {
			r.Errorf("two links have one exporter, %x", key)
		}
		seen[string(dialled.Exporter)] = true
	}
}

func framesIntact(r *rig) {
	a, b := r.pair()
	const max = transport.MaxFrame
	for i, n := range []int{0, 1, 2, 255, 4096, 65531, 65532, 65536, 65537, max - 1, max} {
		r.pass(a, b, sample(n, uint64(2*i)))
		r.pass(b, a, sample(n, uint64(2*i+1)))
	}
}

// numbered returns a frame that carries i.
func numbered(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func order(r *rig) {
	a, b := r.pair()
	const total = 2000
	stop := r.sendAll(a, total)
	for i := range total {
		got := r.receive(b)
		if want := padded(i); !bytes.Equal(got, want) {
			r.Fatalf("frame %d of %d is not the one that was sent there: got %d bytes %.8x, want %d bytes %.8x",
				i, total, len(got), got, len(want), want)
		}
	}
	if err := stop(); err != nil {
		r.Errorf("Send: %v", err)
	}
}

// padded is frame number i: the number, and up to 600 bytes more.
func padded(i int) []byte { return append(numbered(i), make([]byte, i*37%600)...) }

// sendAll sends frames 0 to total-1, one at first and more and more at once.
func (r *rig) sendAll(l transport.Link, total int) (stop func() error) {
	sending := spawn(func() (struct{}, error) {
		for next, batch := 0, 1; next < total; batch += 5 {
			var frames [][]byte
			for ; next < total && len(frames) < batch; next++ {
				frames = append(frames, padded(next))
			}
			if err := l.Send(frames...); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return func() error {
		_, err := wait(r, "Send", sending)
		return err
	}
}

func sendTooLong(r *rig) {
	a, b := r.pair()
	long := make([]byte, transport.MaxFrame+1)
	_, err := within(r, "Send", func() (struct{}, error) { return struct{}{}, a.Send(long) })
	r.wantError("Send", err, transport.ErrFrameTooLong)
	r.wantSend(a, transport.ErrClosed)
	r.wantReceive(b, transport.ErrClosed)
}

func receiveLimit(r *rig) {
	const limit = 1024
	a, b := r.pair()
	b.SetLimit(limit)
	r.pass(a, b, sample(limit, 1))
	var ended error
	_ = r.exchange(a, b, sample(limit+1, 2), func(frame []byte, err error) bool {
		ended = err
		return err != nil || len(frame) > limit
	})
	r.wantError("Receive", ended, transport.ErrFrameTooLong)
	r.wantReceive(b, transport.ErrClosed)
	r.wantReceive(a, transport.ErrClosed)
}

func limitRaised(r *rig) {
	a, b := r.pair()
	b.SetLimit(16)
	r.pass(a, b, sample(16, 1))
	b.SetLimit(transport.MaxFrame)
	r.pass(a, b, sample(transport.MaxFrame, 2))
	b.SetLimit(70_000)
	r.pass(a, b, sample(70_000, 3))
}

func senderReuses(r *rig) {
	a, b := r.pair()
	const total, length = 100, 1000
	sending := spawn(func() (struct{}, error) {
		frame := make([]byte, length)
		for i := range total {
			fill(frame, byte(i+1))
			if err := a.Send(frame); err != nil {
				return struct{}{}, err
			}
			fill(frame, 0)
		}
		return struct{}{}, nil
	})
	seen := map[byte]bool{}
	for range total {
		got := r.receive(b)
		if len(got) != length || got[0] == 0 || bytes.Count(got, got[:1]) != length || seen[got[0]] {
			r.Fatalf("a frame shows bytes that were written after Send had returned: %.4x…", got)
		}
		seen[got[0]] = true
	}
	if _, err := wait(r, "Send", sending); err != nil {
		r.Errorf("Send: %v", err)
	}
}

func fill(frame []byte, with byte) {
	for i := range frame {
		frame[i] = with
	}
}

func receiverOwns(r *rig) {
	a, b := r.pair()
	const total = 50
	stop := r.sendAll(a, total)
	for i := range total {
		got, err := within(r, "Receive", b.Receive)
		if err != nil {
			r.Fatalf("Receive: %v", err)
		}
		r.pass(b, a, []byte("meanwhile"))
		if !bytes.Equal(got, padded(i)) {
			r.Fatalf("received bytes of frame %d changed before the next Receive", i)
		}
	}
	if err := stop(); err != nil {
		r.Errorf("Send: %v", err)
	}
}

func fullDuplex(r *rig) {
	a, b := r.pair()
	const total, length = 32, 128 << 10
	var calls []<-chan result[struct{}]
	for i, l := range []transport.Link{a, b} {
		frame := sample(length, uint64(i))
		other := sample(length, uint64(1-i))
		calls = append(calls, spawn(func() (struct{}, error) {
			for range total {
				if err := l.Send(frame); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		}), spawn(func() (struct{}, error) { return struct{}{}, expect(l, other, total) }))
	}
	for _, call := range calls {
		if _, err := wait(r, "Send or Receive", call); err != nil {
			r.Errorf("both ways at once: %v", err)
		}
	}
}

// expect receives the same frame n times.
func expect(l transport.Link, frame []byte, n int) error {
	for i := range n {
		got, err := l.Receive()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, frame) {
			return fmt.Errorf("frame %d of %d arrived changed", i, n)
		}
	}
	return nil
}
