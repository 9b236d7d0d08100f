package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/config/hocon"
)

// ErrNotBuilt is wrapped by the error of every key or value that belongs to a
// feature of a later version.
var ErrNotBuilt = errors.New("not built in this version")

// maxErrors is how many errors one load lists, and how many warnings.
const maxErrors = 20

// Errors are all that is wrong with a configuration: what cannot be read in
// the order of the layers, or what it means by file, line and column. At most
// 20; the last one then says how many more there are. Most are *hocon.Error.
type Errors []error

// Error returns one line an error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each.
func (e Errors) Unwrap() []error { return e }

// bounded cuts a list at maxErrors; more makes the last entry.
func bounded[T any](list []T, more func(n int) T) []T {
	if len(list) <= maxErrors {
		return list
	}
	return append(list[:maxErrors-1:maxErrors-1], more(len(list)-maxErrors+1))
}

// byPlace orders errors by file, line and column.
func byPlace(a, b error) int {
	var x, y *hocon.Error
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return 0
	}
	return cmp.Or(cmp.Compare(x.At.Name, y.At.Name), cmp.Compare(x.At.Line, y.At.Line), cmp.Compare(x.At.Col, y.At.Col))
}

func (l *loader) err() error {
	if len(l.errs) == 0 {
		return nil
	}
	return Errors(bounded(l.errs, func(n int) error { return fmt.Errorf("and %d more errors", n) }))
}
