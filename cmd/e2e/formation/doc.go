// Package formation measures how long it takes from the start of three
// processes until they are one cluster, by every strategy. It has no code of
// its own.
package formation
