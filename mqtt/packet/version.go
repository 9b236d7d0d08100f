package packet

import "strconv"

// Version is the protocol level of a CONNECT [MQTT 3.1.2.2]. The zero Version
// is read and written as 3.1.1.
type Version byte

// The versions that are spoken here.
const (
	Version311 Version = 4
	Version5   Version = 5
)

// version31 is that of MQTT 3.1, by another protocol name; it is refused.
const version31 Version = 3

// bridgeBit is set by bridges of older products in the level that they ask
// for; they understand the refusal of the version without it.
const bridgeBit = 0x80

// five reports whether packets have the form of 5.0. It is also asked for
// levels that are not spoken here, to answer in a form that is understood.
func (v Version) five() bool { return v&^bridgeBit >= Version5 }

// String returns the number of the standard.
func (v Version) String() string {
	switch v {
	case Version311:
		return "3.1.1"
	case Version5:
		return "5.0"
	}
	return "protocol level " + strconv.Itoa(int(v))
}

// either chooses the text of the version: clauses have different numbers.
func (v Version) either(in311, in5 string) string {
	if v.five() {
		return in5
	}
	return in311
}
