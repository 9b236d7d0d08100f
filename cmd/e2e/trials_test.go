package e2e

import (
	"os"
	"testing"
)

// trials is how often a trial is repeated: few times in `make test`, the count
// of the promise in `make prove`, which sets MUSTER_PROVE.
func trials(few, many int) int {
	if os.Getenv("MUSTER_PROVE") != "" {
		return many
	}
	if testing.Short() {
		return 1
	}
	return few
}
