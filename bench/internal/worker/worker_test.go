package worker

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
	"github.com/muster-mqtt/muster/bench/internal/load"
)

// TestMain lets the test binary be its own load generator.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		os.Exit(load.Main(context.Background(), os.Args[2:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

func options(b *brokertest.Broker) load.Options {
	return load.Options{
		Role: load.Loop, Addr: b.Addr(), ID: "w", Topic: "w", Run: 1, Clients: 2, Publishers: 2, Own: true,
		Size: 64, Messages: 100, Window: 10, Credit: 10, Timeout: time.Minute, Grace: time.Second,
	}
}

func TestWorker(t *testing.T) {
	w, err := Start(t.Context(), options(brokertest.Start(t, brokertest.Faults{})))
	if err != nil {
		t.Fatal(err)
	}
	if used, err := w.CPU(); err != nil || used > time.Minute {
		t.Errorf("used %v, %v", used, err)
	}
	if err := w.Tell(); err != nil {
		t.Fatal(err)
	}
	var got load.Looped
	if err := w.Result(&got); err != nil || got.Received.Unique != 200 {
		t.Errorf("%+v, %v", got, err)
	}
	if used, err := w.CPU(); err != nil || used > time.Minute {
		t.Errorf("used in all %v, %v", used, err)
	}
	if err := w.End(); err != nil {
		t.Errorf("ended twice: %v", err)
	}
}

func TestWorkerTellsWhy(t *testing.T) {
	o := options(brokertest.Start(t, brokertest.Faults{Refuse: true}))
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), load.ErrRefused.Error()) {
		t.Errorf("error %v", err)
	}
	o.Size = 1
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "-size 1") {
		t.Errorf("error %v", err)
	}
}

func TestWorkerDies(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Start(ctx, options(brokertest.Start(t, brokertest.Faults{})))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Result(nil); err == nil || !strings.Contains(err.Error(), "without a result") {
		t.Errorf("error %v", err)
	}
}
