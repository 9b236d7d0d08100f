// Package split holds the test that cuts real processes apart: each node runs
// on a host of its own, and the switch between them stops passing frames. It
// has no code of its own.
package split
