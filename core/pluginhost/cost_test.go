package pluginhost

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchOptions are those of a host of the plugin that does the least.
func benchOptions(b *testing.B, strategy string) Options {
	return Options{
		Strategy: strategy, Path: toyPath, RunDir: b.TempDir(), Logger: silent(), Config: []byte(`{}`),
		ClusterName: "c", ClusterKey: make([]byte, 32),
	}
}

// launchFor starts a host and waits until its plugin is at work.
func launchFor(b *testing.B, o Options) (*Host, func()) {
	h, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	for changed := h.Changed(); h.Status().State != Ready; changed = h.Changed() {
		<-changed
	}
	return h, func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkPluginCall measures one Discover of a plugin at work.
func BenchmarkPluginCall(b *testing.B) {
	h, stop := launchFor(b, benchOptions(b, "toy"))
	defer stop()
	idle := resident(b, h.Status().PID)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := h.Discover(b.Context()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(idle, "MB-resident-idle")
}

// BenchmarkPluginStart measures five plugins started at once until all are at
// work.
func BenchmarkPluginStart(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		var stops [5]func()
		var wg sync.WaitGroup
		for i := range stops {
			wg.Go(func() { _, stops[i] = launchFor(b, benchOptions(b, fmt.Sprint("toy", i))) })
		}
		wg.Wait()
		took = append(took, time.Since(began))
		for _, stop := range stops {
			stop()
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-five-ready-median")
}

// resident is the memory of a process in MB [proc(5)].
func resident(b *testing.B, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1000
}
