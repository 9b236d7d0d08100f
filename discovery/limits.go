package discovery

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Bounds of an answer, in either direction.
const (
	maxCandidates = 10_000
	maxEndpoints  = 64  // of one candidate
	maxAttributes = 32  // of one candidate
	maxText       = 256 // bytes of a name, a key, a value
	maxWarnings   = 64
	maxWarning    = 512     // bytes
	maxAnswer     = 3 << 20 // bytes of candidates; the host receives 4 MiB
	maxHint       = 24 * time.Hour
)

// clean makes s one printable line of valid UTF-8 of at most limit bytes, so
// that it can be sent, logged and shown.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	s = strings.ToValidUTF8(s, "")
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// cleanAll cleans texts and says how many it left out at the bound.
func cleanAll(texts []string) []string {
	var out []string
	for i, s := range texts {
		if i == maxWarnings-1 && len(texts) > maxWarnings {
			return append(out, fmt.Sprintf("and %d more", len(texts)-i))
		}
		out = append(out, clean(s, maxWarning))
	}
	return out
}

// checkHost refuses what is neither an IP address nor a host name by its
// characters; it does not resolve anything.
func checkHost(h string) error {
	if h == "" || len(h) > 253 {
		return fmt.Errorf("host of %d bytes", len(h))
	}
	for _, r := range h {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._:%", r) {
			return fmt.Errorf("host %q is neither an address nor a name", h)
		}
	}
	return nil
}

func positive(d *durationpb.Duration) time.Duration {
	return min(max(d.AsDuration(), 0), maxHint)
}

func toTime(t *timestamppb.Timestamp) time.Time {
	if !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

func fromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
