// Package cuts proves on real transports what lanes promise: whatever becomes
// of the links between nodes that live, every message of QoS 1 and 2 that was
// taken arrives once, in the order of its publisher. Its nodes run in the
// test's process, without a front, so that a link can be cut at any instant.
package cuts
