// Package load is the load generator: publishers and subscribers that speak
// MQTT 3.1.1, count what they sent and received, and know from a mark in each
// payload what was lost, doubled or overtaken and how long it took. It runs as
// a process of its own (Main), so that what it costs is not booked to a broker.
package load
