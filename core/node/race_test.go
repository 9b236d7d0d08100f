//go:build race

package node

import (
	"runtime"
	"testing"
)

// onOneProcessor has a bubble run on one processor under the race detector.
// On several, the timers of one bubble may fire on two threads at once, which
// share its state of the detector, and the detector ends the process by a
// check of its own (golang/go issue 78156). Who must wait for whom it finds
// out on one processor, too; on several the same tests run without it.
func onOneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// sideBySide is for runs without the race detector: onOneProcessor is about
// the whole process.
func sideBySide(*testing.T) {}
