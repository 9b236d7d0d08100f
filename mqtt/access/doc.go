// Package access says who may connect to an MQTT listener and what a client
// may publish and subscribe.
//
// A users file holds a name, a hash and flags on each line; rules, in a file
// or in the configuration, allow or deny topics in order. Both are read again
// while the node runs: what is new counts at once, and a file that cannot be
// read or is wrong leaves what was there before.
package access
