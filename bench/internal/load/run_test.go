package load

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a small run against a broker.
func options(b *brokertest.Broker, qos byte) Options {
	return Options{
		Role: Sub, Addr: b.Addr(), ID: "test", Topic: "bench", Run: 7, Clients: 2, Publishers: 2,
		QoS: qos, Size: 64, Messages: 500, Window: 16, Timeout: time.Minute, Grace: time.Second,
	}
}

// exchange runs the publishers and subscribers of one run in this process.
func exchange(t *testing.T, o Options) (Sent, Received) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), o.Timeout)
	defer cancel()
	subscribed, published := make(chan struct{}), make(chan struct{})
	var got Received
	var subErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		got, subErr = runSubscribers(ctx, o, signals{ready: func() { close(subscribed) }, start: published})
	}()
	select {
	case <-subscribed:
	case <-ended:
		t.Fatal(subErr)
	}
	go_ := make(chan struct{})
	sent, err := runPublishers(ctx, o, signals{ready: func() { close(go_) }, start: go_})
	close(published)
	<-ended
	if err != nil || subErr != nil {
		t.Fatal(err, subErr)
	}
	return sent, got
}

func TestFaultsAreSeen(t *testing.T) {
	const all = 2 * 2 * 500 // subscribers x publishers x messages
	table := []struct {
		name   string
		faults brokertest.Faults
		qos    byte
		want   Tally
	}{
		{"a good broker, QoS 0", brokertest.Faults{}, 0, Tally{Received: all, Unique: all}},
		{"a good broker, QoS 1", brokertest.Faults{}, 1, Tally{Received: all, Unique: all}},
		{"loss", brokertest.Faults{Drop: 10}, 1, Tally{Received: all - 200, Unique: all - 200, Missing: 200}},
		{"duplicates", brokertest.Faults{Double: 100}, 1, Tally{Received: all + 20, Unique: all, Duplicates: 20}},
		{"a stutter", brokertest.Faults{Halt: 400}, 1, Tally{Received: all, Unique: all}},
		{"strangers", brokertest.Faults{Foreign: true}, 0, Tally{Received: all, Unique: all, Foreign: 2}},
	}
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sent, got := exchange(t, options(brokertest.Start(t, c.faults), c.qos))
			if got.Tally != c.want {
				t.Errorf("counted %+v, want %+v", got.Tally, c.want)
			}
			if sent.Sent != 1000 || sent.Acknowledged != 1000*uint64(c.qos) || sent.AckDisorder != 0 {
				t.Errorf("sent %+v", sent)
			}
			if sent.Ended <= sent.Started || got.Last < got.First || got.Latency.Count() != c.want.Received {
				t.Errorf("sent %+v, received from %d to %d, %d latencies", sent, got.First, got.Last, got.Latency.Count())
			}
		})
	}
}

func TestDisorderIsSeen(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{Swap: 50}), 1)
	o.Clients, o.Publishers = 1, 1
	_, got := exchange(t, o)
	// The last of 500 is held back, and nothing follows it.
	if want := (Tally{Received: 499, Unique: 499, Reordered: 9, Missing: 1}); got.Tally != want {
		t.Errorf("counted %+v, want %+v", got.Tally, want)
	}
}

func TestAckDisorderIsSeen(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{Backwards: true}), 1)
	o.Clients, o.Publishers = 1, 1
	sent, _ := exchange(t, o)
	if sent.Acknowledged != 500 || sent.AckDisorder != 500 {
		t.Errorf("sent %+v, want all 500 acknowledged out of order", sent)
	}
}

func TestSubscribersAcknowledge(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, brokertest.Faults{})
	exchange(t, options(b, 1))
	b.Drained()
	if b.Acked() != 2000 {
		t.Errorf("%d PUBACKs of subscribers, want 2000", b.Acked())
	}
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{}), 0)
	o.Messages, o.Rate = 250, 1000 // two publishers: half a second
	sent, got := exchange(t, o)
	took := time.Duration(sent.Ended - sent.Started)
	if least := 490 * time.Millisecond; took < least {
		t.Errorf("500 messages at 1000/s took %v, at least %v was due", took, least)
	}
	if got.Missing > 0 {
		t.Errorf("counted %+v", got.Tally)
	}
}

func TestFailuresAreErrors(t *testing.T) {
	table := []struct {
		name   string
		faults brokertest.Faults
		pub    bool
		want   string
	}{
		{"publisher refused", brokertest.Faults{Refuse: true}, true, "publisher 0 at 127.0.0.1"},
		{"subscriber refused", brokertest.Faults{Refuse: true}, false, "the broker refused: 00 05"},
		{"subscription downgraded", brokertest.Faults{Low: true}, false, `SUBSCRIBE "bench/#" at QoS 1: the broker refused`},
		{"no acknowledgement", brokertest.Faults{Deaf: true}, true, "deadline"},
		{"hang-up", brokertest.Faults{HangUp: true}, true, "publisher"},
		{"garbage", brokertest.Faults{Garbage: true}, true, "malformed packet: a packet of type 15"},
	}
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(brokertest.Start(t, c.faults), 1)
			patience := time.Minute
			if c.faults.Deaf {
				patience = time.Second // its end is the failure
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			start := make(chan struct{})
			close(start)
			s := signals{ready: func() {}, start: start}
			var err error
			if c.pub {
				_, err = runPublishers(ctx, o, s)
			} else {
				_, err = runSubscribers(ctx, o, s)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	b := brokertest.Start(t, brokertest.Faults{})
	b.Stop()
	_, err := runPublishers(t.Context(), options(b, 0), signals{})
	if err == nil || !strings.Contains(err.Error(), b.Addr()) {
		t.Errorf("error %v, want one that names the address", err)
	}
}

func TestBlockedPublisherEndsWithTheContext(t *testing.T) {
	t.Parallel()
	o := options(brokertest.Start(t, brokertest.Faults{Stall: true}), 0)
	o.Size, o.Messages = 64<<10, 10_000
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
	defer cancel()
	start := make(chan struct{})
	close(start)
	_, err := runPublishers(ctx, o, signals{ready: func() {}, start: start})
	if err == nil || err.Error() != "enough" {
		t.Errorf("error %v", err)
	}
}

// process runs Main with pipes for its streams.
func process(t *testing.T, o Options) (in io.WriteCloser, out io.Reader, status func() int) {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- Main(context.Background(), o.Args(), Streams{In: inR, Out: outW, Err: outW})
		_ = outW.Close()
	}()
	t.Cleanup(func() { _ = inW.Close() })
	return inW, outR, func() int { return <-code }
}
