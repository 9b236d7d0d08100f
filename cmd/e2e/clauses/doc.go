// Package clauses holds the statements of MQTT 3.1.1 and 5.0 against the real
// binary, over bytes that it writes and reads itself. It shares no code with
// the broker: its small codec was written from the specifications, so that a
// mistake in mqtt/packet cannot excuse itself. The tables in
// docs/mqtt-3.1.1.md and docs/mqtt-5.0.md name the test of each statement.
// MUSTER_PROGRAM names a binary to be held to them instead of a fresh one.
// There is nothing here but tests.
package clauses
