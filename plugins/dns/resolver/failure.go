package resolver

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what went wrong with a question.
type Kind uint8

// The kinds of a Failure. The first two are answers; the others say nothing
// about the name.
const (
	NotFound     Kind = iota + 1 // NXDOMAIN: the name does not exist
	NoData                       // the name exists and has no such record
	ServerFailed                 // SERVFAIL, or another answer that is none
	Refused                      // REFUSED: the server does not serve us
	TimedOut                     // nobody answered in time
	Unreachable                  // no way to a server
	Malformed                    // an answer that nobody can read
)

// Failure is why there are no records. Its text is one line and the same for
// the same cause.
type Failure struct {
	Kind Kind
	Text string
	// TTL is how long NotFound and NoData hold; 0 = the server does not say.
	TTL time.Duration
}

var _ error = (*Failure)(nil)

// Error returns the text.
func (f *Failure) Error() string { return f.Text }

// Absent reports whether the failure is an answer: there is no such record.
func (f *Failure) Absent() bool { return f.Kind == NotFound || f.Kind == NoData }

func failuref(k Kind, format string, args ...any) *Failure {
	return &Failure{Kind: k, Text: fmt.Sprintf(format, args...)}
}

// Sum makes one failure of several. Their kind stands if they agree, where
// what says nothing about a name counts more than that there is none.
// ServerFailed stands for a mixture. Nil for an empty list.
func Sum(failures []*Failure) *Failure {
	var kinds []Kind
	var texts []string
	for _, f := range failures {
		kinds = append(kinds, f.Kind)
		if !slices.Contains(texts, f.Text) {
			texts = append(texts, f.Text)
		}
	}
	if len(failures) == 0 {
		return nil
	}
	return &Failure{Kind: sumKinds(kinds), Text: strings.Join(texts, "; ")}
}

func sumKinds(kinds []Kind) Kind {
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	switch last := kinds[len(kinds)-1]; {
	case last == NoData:
		return NoData // one that exists makes up for one that does not
	case last == NotFound:
		return NotFound
	}
	kinds = slices.DeleteFunc(kinds, func(k Kind) bool { return k <= NoData })
	if len(kinds) > 1 {
		return ServerFailed
	}
	return kinds[0]
}
