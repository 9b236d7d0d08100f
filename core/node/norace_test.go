//go:build !race

package node

import "testing"

// onOneProcessor is for the race detector.
func onOneProcessor(*testing.T) {}
