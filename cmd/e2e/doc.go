// Package e2e holds the tests of whole clusters: real binaries, real plugin
// processes, TCP on loopback, and MQTT clients that are not ours. It has no
// code of its own.
package e2e
