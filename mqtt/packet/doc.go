// Package packet is the codec of MQTT 3.1.1 control packets (OASIS standard,
// 29 October 2014). It is strict: each rule of the standard that a packet can
// break is checked, and the error names the clause. It is pure: it starts
// nothing, keeps nothing and reads only from the io.Reader that it is given.
//
// A Reader cuts a byte stream into Packets; the methods of Packet decode one
// of each type; the Append methods write them. Nothing is allocated to decode
// a PUBLISH nor to append a Delivery.
package packet
