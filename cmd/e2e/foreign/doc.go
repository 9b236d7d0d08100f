// Package foreign runs clients that others wrote against the real binary:
// mosquitto's, two Go libraries and a JavaScript one, each through the same
// scenes (QoS, resume, will, retained, aliases, shared, flow control) as far
// as it can. There is nothing here but tests.
package foreign
