// Package session is the state that belongs to a client ID and may outlive
// its connections [MQTT-3.1.2.4, 5.0 4.1]: subscriptions, messages that wait,
// messages on their way in either direction, and the will. It is a pure state
// machine: no goroutine, no lock, no clock. What is to be sent comes back from
// Next, what is to be counted from TakeDrops, and every change that must
// survive a kill goes to Options.Record as an Op.
//
// The packet identifiers of the two directions are two spaces that never meet.
// Those of outgoing messages are given in order, one after the other, when the
// messages are sent. So a log of Ops that lost its last Ops to a kill still
// gives every message the identifier under which the client may know it:
// Recover and Options.Gated are what that takes besides.
package session
