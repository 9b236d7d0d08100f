// Package nats carries frames between nodes over the NATS servers that an
// operator already runs. The address of a node is its uid, and everything for
// it is published on subjects of its own (see Permissions).
//
// NATS loses what a subscriber or a server cannot take, and tells nobody. The
// links of this package do not hide a loss, and do not let it pass either:
// their packets are numbered, and a link that has lost one ends. So what a
// link has brought is always whole and in order, and everything above it is
// taken up again on the next link, as after a broken TCP connection. A link
// also ends with the connection to the server; a new one can be dialled as
// soon as the client has found a server again.
//
// What is under way to one node is bounded by windows that it grants, one a
// link, so that nobody becomes a slow consumer of NATS by being sent too much.
// They follow what the way to the node carries, so that a slow one does not
// fill with data behind which probes come too late. A server is judged by
// whether bytes come, never by how long an answer takes. A README beside this
// file is for operators.
package nats
