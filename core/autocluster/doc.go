// Package autocluster decides how a node finds or founds its cluster. Decide
// is the order of PLUGINS.md, "Forming a cluster": what is known of other
// nodes and the time go in, one Decision comes out. Search remembers what is
// known, and paces the probes, joins and claims; Polls paces the strategies;
// Standing and Resolve say which cluster two nodes are in once they meet. All
// of it is pure: it dials nobody and reads no clock, so core/node runs it for
// real and sim on virtual time.
package autocluster
