// Package dns holds the test of clusters that form by the records of a name
// server: real nodes, the real plugin and dnsmasq. It has no code of its own.
package dns
