package nats

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// The subjects, docs/operations/nats.md has the table:
//
//	muster.<cluster>.hello          who is there, for everybody
//	muster.<cluster>.<uid>.dial     opens and steers links to a node
//	muster.<cluster>.<uid>.<0-3>    frames to a node
//	muster.<cluster>.<uid>.<hex>    the server's word that nobody hears a dial
const (
	subjectRoot  = "muster"
	helloToken   = "hello"
	controlToken = "dial"
	laneTokens   = 4
)

// Permissions returns the subjects that a node must be allowed to publish and
// to subscribe to, and that nobody else should be: the least that works. The
// cluster may be any text, the uid is that of the node; with the uid "*" they
// fit every node of the cluster.
func Permissions(cluster, uid string) (publish, subscribe []string) {
	base := subjectBase(cluster)
	return []string{base + helloToken, base + "*.*"}, []string{base + helloToken, base + uid + ".*"}
}

// subjectBase is what all subjects of a cluster begin with.
func subjectBase(cluster string) string { return subjectRoot + "." + token(cluster) + "." }

// token makes any text one token of a subject, each text another: what is no
// letter, digit, '-' or '_' becomes % and two hexadecimal digits a byte.
func token(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// uid is the identity of a node, as the frames carry it.
type uid [16]byte

// uidText is the length of a uid as text: 32 digits in five groups.
const uidText = 36

// parseUID reads the usual text form, in lower case: each uid has one text, and
// so one subject.
func parseUID(s string) (u uid, err error) {
	plain := strings.ReplaceAll(s, "-", "")
	if len(s) == uidText && len(plain) == 2*len(u) {
		_, err = hex.Decode(u[:], []byte(plain))
	}
	if err != nil || s != u.String() {
		return uid{}, fmt.Errorf("%.60q is not the uid of a node", s)
	}
	return u, nil
}

func (u uid) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
