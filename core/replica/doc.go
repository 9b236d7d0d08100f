// Package replica copies one table from the node that owns its rows to every
// other node. Only the owner writes; each write has a version, and versions
// of one incarnation have no gaps. So what a copy lacks is known from one
// number, and two halves of a split merge by union.
//
// Table holds the rows of the owner, a Feed at the owner brings one peer's
// Copy up to date, and the four messages Delta, Snapshot, Ack and Pull go
// between Feed and Copy over a link that may lose, duplicate, delay and
// reorder them. Messages must not outlive the link that they were made for.
// The package is pure: no goroutine, lock or clock; one caller at a time.
//
// A version has one meaning everywhere: who holds version v of an incarnation
// has, for every row, the state that the row had at v or a later one. A later
// state may come early, because a row that changes while it waits is sent
// once, as it is when it leaves.
package replica
