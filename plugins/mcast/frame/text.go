package frame

import (
	"net/netip"
	"strings"
)

// reader takes bytes off the front; past the end it gives zeros and remembers.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.rest, r.short = nil, true
		return make([]byte, n)
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// text reads a length and that many bytes.
func (r *reader) text() string { return string(r.take(int(r.take(1)[0]))) }

const (
	alnum     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	hostChars = alnum + "_-."
)

// validName says whether a name is one that can be shown: visible ASCII with
// an @ inside. What it means is the host's business.
func validName(s string) bool {
	before, after, ok := strings.Cut(s, "@")
	return ok && before != "" && after != "" && len(s) <= maxName &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// validHost takes an address that a node can have, or a host name by its
// characters. An address with a zone means nothing on another machine.
func validHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return !addr.IsUnspecified() && !addr.IsMulticast() && addr.Zone() == ""
	}
	return s != "" && len(s) <= maxHost && strings.Trim(s, hostChars) == ""
}
