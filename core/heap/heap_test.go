package heap

import (
	"runtime"
	"testing"
)

// grown is how far the heap may grow until the next collection.
func grown() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

func TestRaise(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := grown()
	release := Raise()
	if raised := grown(); raised < before+Floor {
		t.Errorf("collected at %d before, at %d now", before, raised)
	}
	release()
	if after := grown(); after >= before+Floor {
		t.Errorf("collected at %d before, at %d when released", before, after)
	}
}

func TestRaiseLeavesSettingsAlone(t *testing.T) {
	for name, value := range map[string]string{"GOGC": "100", "GOMEMLIMIT": "1GiB"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, value)
			before := grown()
			defer Raise()()
			if raised := grown(); raised >= before+Floor {
				t.Errorf("collected at %d before, at %d now", before, raised)
			}
		})
	}
}
