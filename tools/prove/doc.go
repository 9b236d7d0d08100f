// Command prove runs one slice of the long proofs, the counts and durations
// that are too much for every test run, and keeps the report under
// docs/proofs. Without a slice it lists them.
//
// Usage, from the root: make prove SLICE=name. A slice ends within 30 minutes
// or fails. The exit status is 0 when every step of it passed.
package main
