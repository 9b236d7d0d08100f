package pluginhost

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestTeller(t *testing.T) {
	var told teller
	for i, c := range []struct {
		text string
		news bool
	}{
		{"", false},
		{"printed \"a\\\"b\" after 3 s", true},
		{"printed \"c\" after 44 s", false},
		{"printed \"cut off", true},
		{"printed \"cut els", false},
		{"printed nothing", true},
		{"", true},
		{"printed nothing", true},
	} {
		if news := told.news(c.text); news != c.news {
			t.Errorf("%d: %q: %v", i, c.text, news)
		}
	}
}

// lines counts the log lines that hold a text; slog writes each with one call.
type lines struct {
	mu   sync.Mutex
	text string
	n    int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += strings.Count(string(p), l.text)
	return len(p), nil
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// A strategy that goes on failing in one way is logged once.
func TestTroubleIsToldOnce(t *testing.T) {
	out := &lines{text: "has no answer"}
	o := toyOptions(t, `{"panic": "discover"}`)
	o.Logger = slog.New(slog.NewTextHandler(out, nil))
	h, _ := run(t, o)
	for range 5 {
		if _, err := h.Discover(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	if n := out.count(); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A plugin that cannot be started is logged once for each state.
func TestDownIsToldOnce(t *testing.T) {
	out := &lines{text: "level=WARN msg=\"the plugin is down\""}
	o := toyOptions(t, `{}`)
	o.Path = script(t, "date +%N; exit 3")
	o.Logger = slog.New(slog.NewTextHandler(out, nil))
	h, _ := run(t, o)
	await(t, h, "broken", func(s Status) bool { return s.State == Broken })
	if n := out.count(); n != 2 {
		t.Errorf("told %d times, want 2: restarting, broken", n)
	}
}
