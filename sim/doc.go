// Package sim runs the pure deciders of many nodes on one virtual clock and
// one seed: how they form a cluster (core/autocluster) and who is a member of
// it (core/membership). There are no goroutines, no sockets and no waiting; a
// seed always gives the same run, event by event.
//
// What decides is the production code: Search, Polls, Standing and Resolve of
// core/autocluster, State of core/membership, the clock of core. What this
// package writes anew is the shell that core/node puts around them, as thin as
// it can be, and in the same order of calls:
//
//	node.go      node.go, act.go: a start, effects turned into I/O, the data directory
//	form.go      form.go, discover.go, claim.go: steps, probes, joins, polls, claims
//	connect.go   connect.go, settle.go: a dial, and what becomes of it
//	link.go      read.go, peer.go: frames between members; rows travel whole and in order,
//	             which is what core/replica makes of a link
//	network.go   the transport: delay, loss, one-way and total cuts, a process that is gone
//	backend.go   the strategies: who they list, and how badly; the claim
//
// Lanes, routes, sessions, an operator's join and removal are not here.
package sim
