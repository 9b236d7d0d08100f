// Package abuse holds the trials of every discovery plugin on every node of a
// cluster under MQTT load: killed, stopped, without memory, and killed again
// and again. It has no code of its own.
package abuse
