//go:build !race

package mqtt

// raced says that the race detector is at work, which takes memory.
const raced = false
