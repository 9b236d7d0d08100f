// Package reference runs other brokers, each in a process of its own, for the
// benchmarks to compare with. Nothing but the benchmarks needs them.
package reference
