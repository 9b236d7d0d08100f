// Package kit runs real nodes, with real plugins and real backends, for the
// tests that look at whole clusters from outside.
package kit
