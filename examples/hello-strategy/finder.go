package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// lookEvery is the pace at which a watch looks at the file. It reads all of
// it: times of change are too coarse on some file systems, and notifications
// do not cross a network.
const lookEvery = 500 * time.Millisecond

// config is the subtree cluster.hello.
type config struct {
	File string `json:"file"` // absolute path
}

// configure is the discovery.Factory. It does not look at the file, which may
// come later.
func configure(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	var c config
	if err := s.Decode(&c); err != nil {
		return discovery.Configured{}, err
	}
	if !filepath.IsAbs(c.File) || strings.Contains(c.File, "\x00") {
		return discovery.Configured{}, discovery.InvalidConfig("file", "want the absolute path of a file of addresses, not %q", c.File)
	}
	normal, err := json.Marshal(c)
	return discovery.Configured{Strategy: &finder{file: c.File}, NormalForm: normal}, err
}

// finder finds nodes in a file.
type finder struct{ file string }

var (
	_ discovery.Strategy = (*finder)(nil)
	_ discovery.Watcher  = (*finder)(nil)
)

// Discover reads the file.
func (f *finder) Discover(ctx context.Context) (discovery.Answer, error) {
	if err := ctx.Err(); err != nil {
		return discovery.Answer{}, err
	}
	text, err := read(f.file)
	if err != nil {
		return discovery.Answer{}, err
	}
	return answer(text)
}

// Watch emits what Discover answers, at first and whenever it has changed. A
// file that is lost ends the watch; the host opens another.
func (f *finder) Watch(ctx context.Context, _ string, emit func(discovery.Event) error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for seen := ""; ; {
		a, err := f.Discover(ctx)
		if err != nil {
			return err
		}
		if a.SourceRevision != seen {
			seen = a.SourceRevision
			if err := emit(discovery.Event{Snapshot: &a, Resume: seen}); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
