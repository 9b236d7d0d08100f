// Package nats holds the tests of whole clusters whose nodes talk over real
// NATS servers. It has no code of its own.
package nats
