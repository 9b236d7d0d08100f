package wire

import (
	"fmt"
	"strings"
	"unicode"
)

// maxReason bounds the text of a refusal, in bytes.
const maxReason = 200

// Code is the reason of a refusal. Numbers are append-only; an unknown one is
// shown by its text.
type Code uint8

// The codes. The first five may come before the proof, so their texts tell
// nothing that the other side did not say itself.
const (
	RefuseCluster     Code = iota + 1 // another cluster name
	RefuseVersion                     // no protocol version in common
	RefuseSelf                        // the node has reached itself
	RefuseProof                       // the cookie differs
	RefuseCertificate                 // the certificate names another host
	RefuseFenced                      // removed by an operator
	RefuseName                        // an alive node has the same name
	RefuseOld                         // a later incarnation is known
	RefuseRedundant                   // another link of the same pair stays
	RefuseFull                        // no place for another node
	RefuseBusy                        // stopping, or changing its cluster: try again
	RefuseTransport                   // the nodes link over another transport
	RefuseRelay                       // there is no way through this node
)

// Refuse ends a link and says why. Text is for people, at most 200 bytes;
// Append clips it and replaces unprintable characters.
type Refuse struct {
	Code Code
	Text string
}

// Refusal is the error of a handshake that one side refused.
type Refusal struct {
	Refuse
	ByPeer bool // the peer's word, not verified: do not act on it, show it
}

var _ error = (*Refusal)(nil)

// Error says who refused and why.
func (r *Refusal) Error() string {
	if r.ByPeer {
		return "refused by the other node: " + r.Text
	}
	return "the other node is refused: " + r.Text
}

func appendRefuse(dst []byte, f Refuse) []byte {
	return putBytes(append(dst, byte(f.Code)), clip(f.Text))
}

func decodeRefuse(r *reader) Frame {
	return Refuse{Code: Code(r.u8()), Text: r.text(maxReason)}
}

// clip makes s fit for a refusal.
func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, s)
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return s
}

func refusal(code Code, format string, args ...any) *Refusal {
	return &Refusal{Refuse: Refuse{Code: code, Text: fmt.Sprintf(format, args...)}}
}
