package pluginhost

import (
	"errors"

	"golang.org/x/sys/unix"
)

// awaitExit returns true when the child has ended and is still to be reaped:
// until then its pid, the name of its group, is not given to another process.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
