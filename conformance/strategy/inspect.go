package strategy

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// descriptors is how many the process has open [proc(5)].
func (s *subject) descriptors() int {
	entries, err := os.ReadDir("/proc/" + itoa(s.life.PID()) + "/fd")
	s.p.must("counting descriptors", err)
	return len(entries)
}

// settles fails unless the process comes down to the descriptors that it had,
// give or take the few of a connection that is being replaced.
func (p *probe) settles(s *subject, before int) {
	const tolerance = 4
	deadline := time.Now().Add(changes)
	for s.descriptors() > before+tolerance {
		if time.Now().After(deadline) {
			p.fail("the plugin has %d descriptors open, it had %d", s.descriptors(), before)
		}
		p.wait(50 * time.Millisecond)
	}
}

// stat is what /proc tells of a process.
type stat struct{ pid, parent, group int }

// processes returns all processes of the machine that are no zombies.
func processes() []stat {
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []stat
	for _, path := range dirs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The second field, a name in brackets, may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 3 || fields[0] == "Z" {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		group, _ := strconv.Atoi(fields[2])
		all = append(all, stat{pid, parent, group})
	}
	return all
}

// suspend stops a process and waits until every thread of it stands still: the
// signal alone leaves it time for an answer.
func (p *probe) suspend(pid int) {
	p.must("SIGSTOP", syscall.Kill(pid, syscall.SIGSTOP))
	p.until("the halt of the stopped plugin", changes, func() bool {
		tasks, _ := filepath.Glob("/proc/" + itoa(pid) + "/task/*/stat")
		for _, path := range tasks {
			text, err := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(text), ") ")
			if err == nil && !strings.HasPrefix(rest, "T") {
				return false
			}
		}
		return true
	})
}

// inGroup returns the processes of a process group.
func inGroup(group int) []int {
	var out []int
	for _, s := range processes() {
		if s.group == group {
			out = append(out, s.pid)
		}
	}
	return out
}

// descendants returns the children of a process, their children and so on.
func descendants(pid int) []int {
	all := processes()
	out := []int{}
	for wanted := []int{pid}; len(wanted) > 0; wanted = wanted[1:] {
		for _, s := range all {
			if s.parent == wanted[0] {
				out = append(out, s.pid)
				wanted = append(wanted, s.pid)
			}
		}
	}
	return out
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	for _, s := range processes() {
		if s.pid == pid {
			return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
		}
	}
	return false
}
