// Command cross measures what it costs to carry messages between the nodes of
// a cluster: publishers at one node, subscribers at others, each a process of
// its own. It prints how many messages a second arrive, what processor time the
// brokers spend on a million of them, how long they take at a moderate rate,
// and whether any was lost, doubled or overtaken.
//
// Usage, after make build: go run ./bench/cross [flags]. Everything it starts
// and writes is gone when it ends.
package main
