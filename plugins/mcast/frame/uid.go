package frame

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// UID is the identity of a node, a UUID (RFC 9562) in binary form.
type UID [16]byte

// ParseUID reads the form 8-4-4-4-12 of hexadecimal digits.
func ParseUID(s string) (UID, error) {
	var u UID
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != len(u) || UID(raw).String() != strings.ToLower(s) {
		return UID{}, fmt.Errorf("%.64q is not a UUID such as 00112233-4455-6677-8899-aabbccddeeff", s)
	}
	return UID(raw), nil
}

// String returns the form 8-4-4-4-12 in lower case.
func (u UID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
