// Command lane measures what a lane between two processes carries on loopback:
// messages that the other side has accepted, counted there one by one, and the
// time of a question and its answer. A bare writer and reader of frames, and a
// bare NATS client with frames of 64 messages, which do nothing else, run in
// the same run, and the ratio tells more than the figure.
//
// Usage: go run ./bench/lane [flags]. Each side is a node without a front; the
// publisher's waits for room on its lane and for no acknowledgement, and the
// run ends when all of them have come.
package main
