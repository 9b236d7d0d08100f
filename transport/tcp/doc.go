// Package tcp carries frames between nodes over TCP: one listening port a
// node, one connection a link. On the wire a frame is its length, four bytes
// big endian, and its bytes. Without
// TLS, links are neither encrypted nor authenticated here: the hello of the
// layer above proves who speaks. With TLS (1.2 or later, both sides with a
// certificate, ALPN "muster") an empty frame of the accepting side follows the
// handshake; the layer above compares the names of the certificate with what
// the hello says.
package tcp
