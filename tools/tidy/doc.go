// Package tidy holds the house rules as checks that read the source tree: who
// may import whom, how large things may grow, what must be documented, which
// calls and words have no place here. A rule without a test is a wish; the
// test of this package runs them all, and each on sources that break it.
package tidy
