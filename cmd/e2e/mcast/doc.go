// Package mcast holds the tests of clusters that find one another by
// multicast: real nodes, each on a host of its own, and one host with bad
// intentions. It has no code of its own.
package mcast
