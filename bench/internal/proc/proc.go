// Package proc reads what processes cost from /proc [proc(5)].
package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100
// on every architecture that Go runs on [proc(5)].
const clockTick = time.Second / 100

// CPU is the processor time, user and system, that a process with all its
// threads has used, to 10 ms.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return cpuOf(string(text))
}

// cpuOf reads utime and stime, the fields 14 and 15. The second field, a name
// in brackets, may hold anything, brackets and blanks too.
func cpuOf(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("not the stat of a process: %q", stat)
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not the stat of a process: %w", err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// RSS is the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return rssOf(string(text))
}

// errNoRSS: a kernel thread has none, and neither has a process that ended.
var errNoRSS = errors.New("the status of the process tells no resident memory")

func rssOf(status string) (int64, error) {
	_, rest, found := strings.Cut(status, "\nVmRSS:")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 || fields[1] != "kB" {
		return 0, errNoRSS
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoRSS, err)
	}
	return n << 10, nil
}

// Busy is the processor time that all processes of the machine have used since
// it started, and what a hypervisor took away.
func Busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return busyOf(string(text))
}

// busyOf sums up user, nice, system, irq, softirq and steal of the first line;
// guests are in user already.
func busyOf(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("not the stat of a machine: %q", line)
	}
	var sum time.Duration
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("not the stat of a machine: %w", err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// Load is the load average of the last 1, 5 and 15 minutes as text.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}
