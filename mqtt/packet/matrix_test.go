package packet

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// propertyTable is table 2-4 of 5.0, copied by hand and apart from the code:
// a valid value, and the packets that may have the property. U stands for
// UNSUBSCRIBE, u for UNSUBACK, and so on; see letters.
var propertyTable = map[byte]struct{ value, in string }{
	0x01: {"01", "PW"}, 0x02: {"00000001", "PW"}, 0x03: {"0001'a'", "PW"}, 0x08: {"0001'a'", "PW"},
	0x09: {"0001'a'", "PW"}, 0x0B: {"01", "PS"}, 0x11: {"00000001", "CcD"}, 0x12: {"0001'a'", "c"},
	0x13: {"0001", "c"}, 0x15: {"0001'a'", "CcA"}, 0x16: {"0001'a'", "CcA"}, 0x17: {"01", "C"},
	0x18: {"00000001", "W"}, 0x19: {"01", "C"}, 0x1A: {"0001'a'", "c"}, 0x1C: {"0001'a'", "cD"},
	0x1F: {"0001'a'", "c1234suDA"}, 0x21: {"0001", "Cc"}, 0x22: {"0001", "Cc"}, 0x23: {"0001", "P"},
	0x24: {"01", "c"}, 0x25: {"01", "c"}, 0x26: {"0001'a'0001'b'", "CcPW1234SsUuDA"}, 0x27: {"00000001", "Cc"},
	0x28: {"01", "c"}, 0x29: {"01", "c"}, 0x2A: {"01", "c"},
}

// carriers are the packets by letter: what comes before the properties and
// what comes after them.
var carriers = map[byte]struct {
	first       byte
	head, after string
}{
	'C': {0x10, "0004'MQTT' 05 02 0000", "0000"}, 'W': {0x10, "0004'MQTT' 05 06 0000 00 0000", "0001'w' 0000"},
	'c': {0x20, "00 00", ""}, 'P': {0x30, "0001'a'", "'x'"}, '1': {0x40, "0001 00", ""}, '2': {0x50, "0001 00", ""},
	'3': {0x62, "0001 00", ""}, '4': {0x70, "0001 00", ""}, 'S': {0x82, "0001", "0001'a' 00"}, 's': {0x90, "0001", "00"},
	'U': {0xa2, "0001", "0001'a'"}, 'u': {0xb0, "0001", "00"}, 'D': {0xe0, "00", ""}, 'A': {0xf0, "18", ""},
}

// TestPropertyMatrix gives every packet every property, once and twice.
func TestPropertyMatrix(t *testing.T) {
	for letter := range carriers {
		for id := range 256 {
			row, known := propertyTable[byte(id)]
			if !known {
				row.value = "00"
			}
			may := strings.IndexByte(row.in, letter) >= 0
			switch err := withProperties(t, letter, id, row.value, 1); {
			case may && err != nil:
				t.Errorf("%c with property %#x: %v", letter, id, err)
			case !may && !errors.Is(err, ErrMalformed):
				t.Errorf("%c with property %#x: %v, want malformed", letter, id, err)
			}
			many := id == 0x26 || id == 0x0B && letter == 'P'
			if err := withProperties(t, letter, id, row.value, 2); may && errors.Is(err, ErrProtocol) == many {
				t.Errorf("%c with property %#x twice: %v", letter, id, err)
			}
		}
	}
}

// withProperties decodes a packet with one property several times.
func withProperties(t *testing.T, letter byte, id int, value string, times int) error {
	carrier := carriers[letter]
	props := bytesOf(t, strings.Repeat(string("0123456789abcdef"[id>>4])+string("0123456789abcdef"[id&15])+value, times))
	if id >= 0x80 {
		props = slices.Insert(props, 1, 1) // an identifier is a variable byte integer
	}
	method := bytesOf(t, "15 0001'm'") // what data may not come, and an AUTH not be, without
	if letter == 'A' && id != 0x15 || id == 0x16 {
		props = append(props, method...)
	}
	p := Packet{Type: Type(carrier.first >> 4), Flags: carrier.first & 15, Version: Version5}
	p.FromServer = strings.IndexByte("csuP", letter) >= 0
	p.Body = append(bytesOf(t, carrier.head), byte(len(props)))
	p.Body = append(append(p.Body, props...), bytesOf(t, carrier.after)...)
	_, err := decode(p)
	return err
}

// codeTable has the reason codes of the tables of each packet of 5.0, copied
// by hand and apart from the code; of DISCONNECT and AUTH who may send them.
var codeTable = []struct {
	letter byte
	server bool
	codes  string
}{
	{'c', true, "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"},
	{'1', false, "00 10 80 83 87 90 91 97 99"}, {'1', true, "00 10 80 83 87 90 91 97 99"},
	{'2', false, "00 10 80 83 87 90 91 97 99"}, {'2', true, "00 10 80 83 87 90 91 97 99"},
	{'3', false, "00 92"}, {'3', true, "00 92"}, {'4', false, "00 92"}, {'4', true, "00 92"},
	{'s', true, "00 01 02 80 83 87 8f 91 97 9e a1 a2"},
	{'u', true, "00 11 80 83 87 8f 91"},
	{'D', false, "00 04 80 81 82 83 90 93 94 95 96 97 98 99"},
	{'D', true, "00 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"},
	{'A', false, "18 19"}, {'A', true, "00 18"},
}

// TestReasonMatrix gives every packet that has a reason code every one.
func TestReasonMatrix(t *testing.T) {
	for _, row := range codeTable {
		want := bytesOf(t, row.codes)
		for code := range 256 {
			err := withCode(t, row.letter, row.server, byte(code))
			if may := slices.Contains(want, byte(code)); may != (err == nil) {
				t.Errorf("%c with reason %#x, server %v: %v", row.letter, code, row.server, err)
			}
		}
	}
}

func withCode(t *testing.T, letter byte, server bool, code byte) error {
	wire := map[byte][]byte{
		'c': {0, code, 0}, 's': {0, 1, 0, code}, 'u': {0, 1, 0, code}, 'D': {code},
		'A': append([]byte{code, 4}, bytesOf(t, "15 0001'm'")...),
	}[letter]
	if wire == nil {
		wire = append(binary.BigEndian.AppendUint16(nil, 1), code)
	}
	first := carriers[letter].first
	_, err := decode(Packet{Type: Type(first >> 4), Flags: first & 15, Version: Version5, FromServer: server, Body: wire})
	if err != nil && !errors.Is(err, ErrProtocol) {
		t.Errorf("%c with reason %#x: %v", letter, code, err)
	}
	return err
}
