package e2e

import (
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// patience bounds what is promised to come, and not how soon.
const patience = time.Minute

// trials is how often a trial is repeated: few times in `make test`, the count
// of the promise in `make prove`, which sets MUSTER_PROVE.
func trials(few, many int) int {
	if kit.Proving() {
		return many
	}
	if testing.Short() {
		return 1
	}
	return few
}
