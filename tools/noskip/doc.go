// Command noskip reads the JSON of "go test -json" and prints what people want
// of it: the line of each package, everything about a test that failed, and
// each test that was skipped because something is missing.
//
// A test that cannot run says "skip: why". With MUSTER_NO_SKIP=1, as in CI,
// such a skip fails the run: a machine that can test everything must. Skips
// without that word, such as those of a fuzz target that passes over an input,
// are none of its business.
//
// Usage: go test -json ... | noskip. The exit status is 1 when a test or a
// build failed, or when a skip was not allowed.
package main
