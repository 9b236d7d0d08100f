package hocon

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"100ms": 100 * time.Millisecond, "5s": 5 * time.Second, "5 M": 5 * time.Minute, "24H": 24 * time.Hour,
		"1h30m": 90 * time.Minute, "1h 30m 5s": 90*time.Minute + 5*time.Second, "250": 250 * time.Millisecond,
		"1.5s": 1500 * time.Millisecond, ".5d": 12 * time.Hour, "1w": 7 * 24 * time.Hour, "0": 0, "3 nanos": 3,
		"2us": 2 * time.Microsecond, "10 minutes": 10 * time.Minute, " 1 day ": 24 * time.Hour,
		"9223372036854775807ns": math.MaxInt64,
	} {
		if got, err := Duration(in); err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s", "-5s", "5x", "1h30", "5 5s", "1..5s", "9223372036854775808ns", "300y", "1e5", "200000d",
		"1111111111111111111111111111111111111111111s", "5s,", "∞"} {
		if got, err := Duration(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]int64{
		"1": 1, "16KB": 16000, "16kb": 16000, "1K": 1024, "1k": 1024, "1Ki": 1024, "1KiB": 1024, "1MB": 1e6, "1.5MB": 15e5,
		"512 kibibytes": 512 << 10, "2 megabytes": 2e6, "1G": 1 << 30, "3b": 3, "7 bytes": 7, "1EiB": 1 << 60, "0.5K": 512,
		"1 petabyte": 1e15, "1tib": 1 << 40,
	} {
		if got, err := Size(in); err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "KB", "-1", "1XB", "1KBs", "1K 2", "8EiB", "9E", "1kibi", "1KB5"} {
		if got, err := Size(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
}

func TestPercentAndBool(t *testing.T) {
	for in, want := range map[string]float64{"50%": 0.5, "0.25": 0.25, "100 %": 1, "0": 0, "1": 1} {
		if got, err := Percent(in); err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "101%", "1.1", "-1%", "5x", "5%%"} {
		if got, err := Percent(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
	}
	for in, want := range map[string]bool{"on": true, "Yes": true, "TRUE": true, "off": false, "no": false, "false": false} {
		if got, err := ParseBool(in); err != nil || got != want {
			t.Errorf("%q: got %v %v, want %v", in, got, err, want)
		}
	}
	if _, err := ParseBool("1"); err == nil {
		t.Error("1 is no boolean")
	}
}

// TestDurationTwin: what time.Duration prints, Duration reads, as far as the
// two know the same units.
func TestDurationTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "d")).Truncate(time.Millisecond)
		if got, err := Duration(want.String()); err != nil || got != want {
			t.Fatalf("%v: got %v %v", want, got, err)
		}
	})
}
