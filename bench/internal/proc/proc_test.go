package proc

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestCPUOf(t *testing.T) {
	stat := "42 (a b) (c)) S 1 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1"
	if used, err := cpuOf(stat); err != nil || used != 2*time.Second {
		t.Errorf("used %v, %v", used, err)
	}
	for _, bad := range []string{"", "1 (x) S", "1 (x) S 1 1 1 0 -1 1 1 2 3 4 x y"} {
		if _, err := cpuOf(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRSSOf(t *testing.T) {
	if n, err := rssOf("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t     512 kB\nRssAnon: 1 kB\n"); err != nil || n != 512<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "Name: x\n", "\nVmRSS:", "\nVmRSS: x kB", "\nVmRSS: 5 MB"} {
		if n, err := rssOf(bad); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

func TestBusyOf(t *testing.T) {
	// user nice system idle iowait irq softirq steal guest guest_nice
	if d, err := busyOf("cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 1 1\n"); err != nil || d != 1710*time.Millisecond {
		t.Errorf("%v, %v", d, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8 9", "cpu 1 2 x 4 5 6 7 8 9"} {
		if d, err := busyOf(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

func TestThisProcess(t *testing.T) {
	used, err := CPU(os.Getpid())
	if err != nil || used < 0 || used > time.Hour {
		t.Errorf("CPU %v, %v", used, err)
	}
	resident, err := RSS(os.Getpid())
	if err != nil || resident < 1<<20 || resident > 1<<32 {
		t.Errorf("RSS %d, %v", resident, err)
	}
	busy, err := Busy()
	if err != nil || busy < used {
		t.Errorf("busy %v, %v", busy, err)
	}
	if fields := strings.Fields(Load()); len(fields) != 3 {
		t.Errorf("load %q", Load())
	}
	if _, err := CPU(0); err == nil {
		t.Error("process 0 has processor time")
	}
	if _, err := RSS(0); err == nil {
		t.Error("process 0 has memory")
	}
}
