// Package packet is the codec of MQTT control packets: 3.1.1 (OASIS standard,
// 29 October 2014) and 5.0 (OASIS standard, 7 March 2019). It is strict: each
// rule of a standard that the bytes of one packet can break is checked, and
// the error names the place, the clause, and the reason code to answer with.
// It is pure: it starts nothing, keeps nothing and reads only from the
// io.Reader that it is given.
//
// A Reader cuts a byte stream into Packets; the methods of Packet decode one
// of each type by the version of its connection; the Append methods write
// them. A field that the version does not have is left out, so that one value
// serves clients of both. Nothing is allocated to decode a PUBLISH, unless
// properties that end here stand between others, nor to append a Delivery.
//
// Clauses: [MQTT-3.3.1-4] is a numbered statement and [MQTT 3.3.1] a section,
// of 3.1.1 and of 5.0 alike, or of the version that is said beside it.
//
// Text is UTF-8 without U+0000 and without surrogates [MQTT-1.5.3-1, 1.5.3-2;
// 5.0 MQTT-1.5.4-1, 1.5.4-2]. Other control characters and the non-characters
// are accepted: the standards only advise against them. A byte order mark is a
// character like any other [MQTT-1.5.3-3; 5.0 MQTT-1.5.4-3].
package packet
