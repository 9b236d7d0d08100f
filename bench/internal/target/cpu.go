package target

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100
// on every architecture that Go runs on [proc(5)].
const clockTick = time.Second / 100

// CPU is the processor time, user and system, that the nodes have used.
func CPU(nodes []Node) (time.Duration, error) {
	var sum time.Duration
	for _, n := range nodes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID))
		if err != nil {
			return 0, fmt.Errorf("the node at %s is gone: %w", n.Addr, err)
		}
		used, err := cpuOf(string(text))
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
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
