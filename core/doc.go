// Package core holds the nouns of muster: who a node is, what a cluster is,
// what a topic, a filter and a message are. It imports the standard library
// only, decides nothing and starts nothing; the rooms below it do.
package core
