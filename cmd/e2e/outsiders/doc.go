// Package outsiders has no code of its own: its tests do what somebody does who
// writes a discovery plugin outside this project. They build the examples in Go
// and Python, put both through the conformance suite, let real nodes find each
// other through them, and run the commands of docs/plugin-guide.md.
package outsiders
