// Package stall stops one node of three, as a machine that swaps or a
// debugger does, and looks at what its neighbour pays for it: memory, the
// publishers who need the stopped node, and those who do not.
package stall
