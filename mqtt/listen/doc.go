// Package listen opens the listeners of MQTT that are more than TCP: with TLS,
// over WebSocket (RFC 6455), or both. What it hands over is past its
// handshakes: a net.Conn on which MQTT is spoken at once.
//
// Handshakes run beside one another, are bounded in time and number, and those
// that only wait make way for others. Closing a connection never waits for the
// other side.
package listen
