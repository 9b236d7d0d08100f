// Package session is the state that belongs to a client ID and may outlive
// its connections [MQTT 3.1.2.4]: subscriptions, messages that wait, and
// messages that were sent and not acknowledged. It is a pure state machine:
// no goroutine, no lock, no clock; what the caller must send comes back from
// Next, what it must count comes back as a Drop.
//
// Only the outgoing direction is kept here. Packet identifiers that the client
// chooses for its own messages are another space and never meet these.
package session
