// Command brokers measures what nodes cost their machine: processor time for
// messages at each QoS, for a fan-out, and across a cluster of three, with the
// latency there; memory for connections that do nothing, with and without TLS.
// Other brokers are measured in the same run,
// in turns with the node, and the ratios tell more than the figures, since the
// machine is the same.
//
// Usage, after make build: go run ./bench/brokers [flags] [case...]; without a
// case, all of them. The load comes from a process of its own, broker and load
// share this machine, and everything that is started and written is gone at
// the end.
package main
