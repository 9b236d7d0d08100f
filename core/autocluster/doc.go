// Package autocluster decides how a node finds or founds its cluster: what is
// known of other nodes and the time go in, one Decision comes out. It holds
// the order of PLUGINS.md, "Forming a cluster", and the pace at which
// candidates are probed and strategies asked. It is pure: it dials nobody,
// remembers nothing and reads no clock.
package autocluster
