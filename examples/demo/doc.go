// Command demo shows three nodes being one MQTT broker: it starts them on this
// machine, lets clients subscribe at each with exact and wildcard filters,
// publishes at one and tells who received what, kills a node, goes on without
// it, and brings it back. It ends with status 0 only if every message reached
// exactly whom it should.
//
// Usage, after make build: go run ./examples/demo. On a terminal the nodes then
// stay up until Ctrl-C; what was started and written is gone at the end.
package main
