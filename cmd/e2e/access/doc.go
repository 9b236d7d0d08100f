// Package access holds the tests of who may connect to a real node, over which
// listener, and what for. It has no code of its own.
package access
