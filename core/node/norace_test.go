//go:build !race

package node

import "testing"

// onOneProcessor is for the race detector.
func onOneProcessor(*testing.T) {}

// sideBySide has a test run beside others of its kind.
func sideBySide(t *testing.T) { t.Parallel() }
