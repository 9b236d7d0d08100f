package config

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// Change is a key whose value differs between two configurations.
type Change struct {
	Path  string
	Value string // the newer one, secrets as stars; "" when it is not set any more
	Live  bool   // it takes effect while the node runs; others need a restart
}

// Changes returns what differs from older to newer, by path.
func Changes(older, newer *Config) []Change {
	var out []Change
	i, j := 0, 0
	for i < len(older.entries) || j < len(newer.entries) {
		switch {
		case j == len(newer.entries) || i < len(older.entries) && older.entries[i].Path < newer.entries[j].Path:
			out = append(out, Change{Path: older.entries[i].Path, Live: older.entries[i].live})
			i++
		case i == len(older.entries) || older.entries[i].Path > newer.entries[j].Path:
			out = append(out, change(newer.entries[j]))
			j++
		default:
			if older.entries[i].sum != newer.entries[j].sum {
				out = append(out, change(newer.entries[j]))
			}
			i, j = i+1, j+1
		}
	}
	return out
}

func change(e Entry) Change { return Change{Path: e.Path, Value: e.Value, Live: e.live} }

// ReloadOptions say what is loaded again, when, and who is told. All but Now
// and Every are needed.
type ReloadOptions struct {
	Current *Config                 // the one in use
	Load    func() (*Config, error) // loads it again, as Current was
	Now     <-chan os.Signal        // a signal loads at once; nil: none does
	Every   time.Duration           // between two looks at the files; 0 means 2s
	// Loaded is called after each Load that went well, also without changes.
	Loaded func(c *Config, changes []Change)
	Failed func(err error)
}

// Reload loads the configuration again on each signal, and when one of the
// files that it was read from, or an included one, or a directory of them has
// changed and stays as it is for one more look: a file that is being written
// is left alone. It returns when ctx ends. A failed Load is not repeated until
// something changes again.
func Reload(ctx context.Context, o ReloadOptions) {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	loaded := o.Current.stamp // of the files as they were read
	before := loaded
	looked := stamp(o.Current.files) // after that
	for {
		signalled := false
		select {
		case <-ctx.Done():
			return
		case <-o.Now:
			signalled = true
		case <-tick.C:
		}
		now := stamp(o.Current.files)
		if signalled || now != loaded && now == before {
			// What changes while it is loaded has still to be.
			loaded = o.load(loaded == "" && now == looked && !signalled, now)
			looked = stamp(o.Current.files)
			now = looked
		}
		before = now
	}
}

// load loads once, and returns the stamp of what it has read; now is that of
// the files before. When it is only to make sure, and nothing has changed,
// nobody is told.
func (o *ReloadOptions) load(sure bool, now string) (read string) {
	c, err := o.Load()
	if err != nil {
		o.Failed(err)
		return now
	}
	changes := Changes(o.Current, c)
	o.Current = c
	if sure && len(changes) == 0 {
		return now // c has no stamp while a file is of the future
	}
	o.Loaded(c, changes)
	return c.stamp
}

// stampSince is the stamp of files that were read after the moment began; it is
// that of nothing, so that they are read again, when one of them has changed
// since, and so may have been read before.
func stampSince(names []string, began time.Time) string {
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && !info.ModTime().Before(began.Add(-stampGrain)) {
			return ""
		}
	}
	return stamp(names)
}

// stampGrain is how coarse the clock of a file system may be.
const stampGrain = 20 * time.Millisecond

// stamp is a text that differs when one of the files does.
func stamp(names []string) string {
	var b strings.Builder
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			b.WriteString("none\n")
			continue
		}
		fmt.Fprintln(&b, info.ModTime().UnixNano(), info.Size(), info.Mode())
	}
	return b.String()
}
