// Package tcp carries frames between nodes over TCP: one listening port a
// node, one connection a link. On the wire a frame is its length, four bytes
// big endian, and its bytes. Links are neither encrypted nor authenticated
// here: the hello of the layer above proves who speaks.
package tcp
