package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
)

// write replaces the file in one step, as everybody should who changes one
// that is being read.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// The plugin as its host sees it, without the process.
func TestContract(t *testing.T) {
	c, ctx := discoverytest.Start(t, info, configure), t.Context()
	for config, path := range map[string]string{`{}`: "file", `{"file":"a"}`: "file", `{"file":"/a\u0000b"}`: "file", `{"fil":"/a"}`: "fil"} {
		_, err := c.Configure(ctx, discovery.Setup{Config: []byte(config)})
		var e *discovery.Error
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != path {
			t.Errorf("%s: %v", config, err)
		}
	}
	file := filepath.Join(t.TempDir(), "addresses")
	if _, err := c.Configure(ctx, discovery.Setup{Config: []byte(`{"file":"` + file + `"}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Discover(ctx); discovery.ClassOf(err) != discovery.SourceNotFound {
		t.Errorf("no file: %v", err)
	}
	write(t, file, "n1@10.0.0.1:4370\n10.0.0.1:4370\n10.0.0.2:4370\n")
	a, err := c.Discover(ctx)
	if err != nil || len(a.Candidates) != 2 || shown(a.Candidates[0]) != "10.0.0.1:4370=n1@10.0.0.1" {
		t.Errorf("%+v, %v", a, err)
	}
	if h, err := c.Health(ctx); err != nil || h.Backend != discovery.BackendOK || h.LastError == nil {
		t.Errorf("health %+v, %v", h, err)
	}
}

// A watch begins with the whole file, speaks at each change, stays silent
// otherwise, and ends with the file or its context.
func TestWatch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "addresses")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, done := make(chan discovery.Event, 10), make(chan error, 1)
		f := &finder{file: file}
		emit := func(ev discovery.Event) error { events <- ev; return nil }
		write(t, file, "a:1")
		go func() { done <- f.Watch(ctx, "", emit) }()
		for _, text := range []string{"", "a:1\nb:2", "c:3"} {
			if text != "" {
				write(t, file, text)
			}
			time.Sleep(10 * lookEvery)
			if len(events) != 1 {
				t.Fatalf("%d events after %q", len(events), text)
			}
			ev := <-events
			want, _ := f.Discover(ctx)
			if ev.Snapshot == nil || ev.Resume != want.SourceRevision || len(ev.Snapshot.Candidates) != len(want.Candidates) {
				t.Errorf("%+v after %q", ev, text)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() { done <- f.Watch(t.Context(), "", emit) }()
		synctest.Wait()
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := <-done; discovery.ClassOf(err) != discovery.SourceNotFound {
			t.Errorf("no file: %v", err)
		}
		write(t, file, "a:1")
		gone := errors.New("nobody listens")
		if err := f.Watch(t.Context(), "", func(discovery.Event) error { return gone }); !errors.Is(err, gone) {
			t.Errorf("nobody listens: %v", err)
		}
	})
}
