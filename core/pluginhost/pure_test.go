package pluginhost

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestBackoff(t *testing.T) {
	b := backoff{timers: Timers{}.withDefaults()}
	now := noon
	var got []time.Duration
	for range 12 { // dies as soon as it is started
		d := b.died(now, time.Time{})
		got = append(got, d/time.Second)
		now = now.Add(d)
	}
	if diff := cmp.Diff([]time.Duration{0, 1, 2, 4, 5, 5, 5, 5, 5, 60, 60, 60}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if d := b.died(now.Add(time.Hour), now); d != 0 || b.open {
		t.Errorf("an hour of work was not forgiven: %v", d)
	}
	b.open = true
	b.reset()
	if d := b.died(now, time.Time{}); d != 0 {
		t.Errorf("after Enable: %v", d)
	}
}

// Whatever happens, there are never more than ten starts in a minute and the
// memory of deaths is bounded.
func TestBackoffBoundsStarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := backoff{timers: Timers{}.withDefaults()}
		now, starts := noon, []time.Time{noon}
		for range 60 {
			since := now
			now = now.Add(time.Duration(rapid.IntRange(0, 70).Draw(t, "lived")) * time.Second)
			now = now.Add(b.died(now, since))
			starts = append(starts, now)
			recent := slices.DeleteFunc(slices.Clone(starts), func(s time.Time) bool { return now.Sub(s) >= time.Minute })
			if len(recent) > maxDeaths || len(b.deaths) > maxDeaths {
				t.Fatalf("%d starts within a minute, %d deaths kept", len(recent), len(b.deaths))
			}
		}
	})
}

func TestLimiter(t *testing.T) {
	var l limiter
	passed := 0
	for range 3 * logBurst {
		if ok, _ := l.allow(noon); ok {
			passed++
		}
	}
	if passed != logBurst || l.lost() != 2*logBurst {
		t.Errorf("%d passed, %d lost", passed, l.lost())
	}
	if ok, dropped := l.allow(noon.Add(time.Second)); !ok || dropped != 2*logBurst {
		t.Errorf("a second later: %v, %d", ok, dropped)
	}
	if _, dropped := l.allow(noon.Add(time.Second)); dropped != 0 {
		t.Errorf("told twice: %d", dropped)
	}
	if ok, _ := l.allow(noon.Add(-time.Hour)); l.tokens < 0 && ok {
		t.Error("a clock that steps back gives tokens")
	}
}

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		level slog.Level
		text  string
	}{
		{`plain`, slog.LevelInfo, "plain"},
		{`{"@level":"warn","@message":"m","b":2,"a":"x"}`, slog.LevelWarn, "m a=x b=2"},
		{`{"@level":"trace","@message":"m"}`, slog.LevelDebug, "m"},
		{`{"@level":7,"@message":"m"}`, slog.LevelInfo, "m"},
		{`{"@level":"warn","@message":7}`, slog.LevelInfo, `{"@level":"warn","@message":7}`},
		{`{"@message":`, slog.LevelInfo, `{"@message":`},
		{`{}`, slog.LevelInfo, `{}`},
		{`panic: boom`, slog.LevelError, "panic: boom"},
		{`goroutine 1`, slog.LevelError, "goroutine 1"}, // of that panic
	} {
		panicking := c.text == "goroutine 1"
		e := parseLine(c.in, &panicking)
		if e.level != c.level || e.text() != c.text {
			t.Errorf("%s: %v %q", c.in, e.level, e.text())
		}
	}
}

func TestLogCannotBeForged(t *testing.T) {
	var buf bytes.Buffer
	o := output{log: slog.New(slog.NewTextHandler(&buf, nil)), limit: &limiter{}, pid: 7}
	o.pumpStderr(strings.NewReader(
		"a\x1b[31m\rb\n" + `{"@message":"m\nlevel=ERROR","pid":"1"}` + "\n" + strings.Repeat("x", 3*loggedLine) + "\nlast"))
	lines := strings.Split(strings.TrimSpace(buf.String()), "\n")
	if len(lines) != 4 || strings.ContainsAny(buf.String(), "\x1b\r") || !strings.Contains(lines[1], "pid=7 fields.pid=1") {
		t.Errorf("logged\n%s", buf.String())
	}
	if _, kept := o.lines(); len(kept) != 4 || len(kept[2]) > keptLine+3 || kept[3] != "last" {
		t.Errorf("kept %q", kept)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`{"@level":"warn","@message":"m","@timestamp":1,"a":{"b":[1]}}`)
	f.Add("panic: x")
	f.Fuzz(func(t *testing.T, line string) {
		var panicking bool
		e := parseLine(line, &panicking)
		if len(e.fields) > maxFields || strings.ContainsAny(oneLine(e.text(), keptLine), "\n\r\x00\x1b") {
			t.Fatalf("%q gave %+v", line, e)
		}
	})
}

func TestAllowed(t *testing.T) {
	got := allowed([]string{"PATH=/bin", "PATHS=x", "KUBERNETES_SERVICE_HOST=h", "MUSTER_NODE__COOKIE=c", "HOME=/root", "TZ=UTC", "ODD"})
	if diff := cmp.Diff([]string{"PATH=/bin", "KUBERNETES_SERVICE_HOST=h", "TZ=UTC"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A delay is kept with the start in it: a minute is never over a minute.
func TestSpread(t *testing.T) {
	h := Host{o: Options{Rand: rand.New(rand.NewPCG(1, 2))}}
	seen := map[time.Duration]bool{}
	for range 100 {
		d := h.spread(time.Minute)
		if d < 45*time.Second || d > 51*time.Second {
			t.Errorf("a minute became %v", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 || h.spread(0) != 0 || (&Host{}).spread(time.Second) != time.Second {
		t.Errorf("%d values", len(seen))
	}
}

func TestGoPluginLogsAsDebug(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelDebug: 2, slog.LevelInfo: 0} {
		var buf bytes.Buffer
		l := internalLog(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: level})))
		l.Error("it\nended", "code", 3)
		l.Named("stdio").Debug("more")
		l.Trace("never")
		if got := strings.Count(buf.String(), "level=DEBUG msg=\"go-plugin: "); got != want || strings.Count(buf.String(), "\n") != want {
			t.Errorf("at %v: %s", level, buf.String())
		}
	}
}

func TestEachLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.StringMatching(`[a-z]{0,40}`)).Draw(t, "lines")
		var got, want []string
		eachLine(iotest.OneByteReader(strings.NewReader(strings.Join(lines, "\n"))), 16, func(s string) { got = append(got, s) })
		for i, l := range lines {
			if i < len(lines)-1 || l != "" { // nothing after the last newline is no line
				want = append(want, l[:min(len(l), 16)])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}
