// Package heap holds the garbage collector of a small process back: a live heap
// of a few megabytes is else collected every few megabytes, which takes a
// quarter of the CPU of a busy node (decision 0019).
package heap

import (
	"os"
	"runtime"
)

// Floor is for how many bytes more than usual a process lets its heap grow
// before it is collected. It is what a node of some thousand connections
// collects at anyway.
const Floor = 16 << 20

// Raise lets the heap grow by Floor more before each collection, until the
// caller calls release. The memory for that is reserved and never touched, so
// only what the process really writes becomes resident. It does nothing where
// somebody has set GOGC or GOMEMLIMIT.
func Raise() (release func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	reserved := make([]byte, Floor)
	return func() { runtime.KeepAlive(reserved) }
}
