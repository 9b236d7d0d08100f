// Package node is the one place of the core that starts goroutines and turns
// decisions into I/O. The pure rooms decide: membership who is a member,
// autocluster whom to join, replica what to send of the tables, route where a
// message goes, lane in which order. This package holds their states under one
// lock, runs the links between nodes, and carries messages past that lock.
//
// Locks, in the order in which they may be taken: saving (one write of the data
// directory), subs.mu (local subscriptions), Node.mu (membership, tables, formation), outLane.mu and
// inLane.mu (one lane to or from one peer), keeper.mu (the retained messages; not
// with Node.mu, since the journal may be slow), link.mu (frames waiting to be
// written), and last the clock's and keptUpTo's. The match path takes none but
// the lanes' that a message goes to, in the order of the slots, and the keeper's
// for one to be retained.
package node
