// Package daemon puts a node together: it alone knows every concrete type. It
// turns a configuration into a transport, plugins, a node, an MQTT front and
// an admin socket, runs them as one group, and ends them in order.
package daemon
