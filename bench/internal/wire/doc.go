// Package wire is the little of MQTT 3.1.1 that a load generator speaks. It is
// written apart from the broker's own codec, so that a mistake in one is not
// hidden by the same mistake in the other.
package wire
