// Package durable kills a real node under load, at random instants, and holds
// it to account: nothing that was acknowledged is lost, no message of QoS 2
// comes twice, and the data directory is always accepted. Its clients are made
// for that: they share no code with the node, and keep exactly what the
// standard says that a client keeps.
package durable
