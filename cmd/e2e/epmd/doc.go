// Package epmd runs clusters of real processes whose ports are found by a port
// mapper: that of Erlang, and `muster epmd`.
package epmd
