package nats

import (
	"fmt"
	"testing"

	"github.com/muster-mqtt/muster/transport/nats/natstest"
	client "github.com/nats-io/nats.go"
)

// The benchmarks carry frames of 64 messages, as a busy lane makes them, over
// one server on loopback, from one process to itself: over bare NATS with a
// window of its own, which without one loses, and over a link.
const perFrame = 64

// ahead is how many frames of bare NATS are under way at most.
const ahead = 64

func sizes(b *testing.B, run func(b *testing.B, s *natstest.Server, frame []byte)) {
	for _, size := range []int{64, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := natstest.Start(b)
			b.SetBytes(int64(size))
			run(b, s, make([]byte, perFrame*size))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkBare(b *testing.B) {
	sizes(b, func(b *testing.B, s *natstest.Server, frame []byte) {
		from, to := connect(b, s), connect(b, s)
		room := make(chan struct{}, ahead)
		done := make(chan struct{})
		got, frames := 0, b.N/perFrame+1
		if _, err := to.Subscribe("bench", func(*client.Msg) {
			<-room
			if got++; got == frames {
				close(done)
			}
		}); err != nil {
			b.Fatal(err)
		}
		if err := to.Flush(); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for range frames {
			room <- struct{}{}
			if err := from.Publish("bench", frame); err != nil {
				b.Fatal(err)
			}
		}
		<-done
	})
}

func connect(b *testing.B, s *natstest.Server) *client.Conn {
	c, err := client.Connect(s.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

func BenchmarkLink(b *testing.B) {
	sizes(b, func(b *testing.B, s *natstest.Server, frame []byte) {
		from, to := pair(b, listen(b, 1, s), listen(b, 2, s))
		frames := b.N/perFrame + 1
		done := make(chan error, 1)
		go func() {
			for range frames {
				if _, err := to.Receive(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		b.ResetTimer()
		for range frames {
			if err := from.Send(frame); err != nil {
				b.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkRoundTrip is a short frame there and back.
func BenchmarkRoundTrip(b *testing.B) {
	s := natstest.Start(b)
	from, to := pair(b, listen(b, 1, s), listen(b, 2, s))
	go func() {
		for {
			f, err := to.Receive()
			if err != nil || to.Send(f) != nil {
				return
			}
		}
	}()
	b.ResetTimer()
	for range b.N {
		if err := from.Send([]byte("0123456789abcdef")); err != nil {
			b.Fatal(err)
		}
		if _, err := from.Receive(); err != nil {
			b.Fatal(err)
		}
	}
}
