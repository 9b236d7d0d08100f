// Package membership decides who is a member and in what state, from the
// evidence of the mesh's own links: who echoes probes, who answers dials, what
// the other nodes say they reach. It is pure: time comes in, effects go out.
//
// Every node writes one row about each other node (ReachRow). The view is one
// function of these rows: who self reaches is alive; who is doubtful to any
// member of the view is suspect; the rest have failed (PROTOCOL.md, "View").
// A node is also reached that has a link through one other.
// What one node decides about another (removed, gone, forgotten, admitted) is
// an Entry that all keep; the later stamp stands.
package membership
