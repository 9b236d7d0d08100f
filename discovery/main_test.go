package discovery

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is a plugin too, when this is set.
const asPlugin = "DISCOVERY_TEST_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		os.Exit(Serve(Info{Name: "toy", Version: "1"}, chatty))
	}
	goleak.VerifyTestMain(m)
}

// chatty prints where it must not.
func chatty(context.Context, Setup) (Configured, error) {
	fmt.Println("from the factory")
	return Configured{Strategy: answers{}}, nil
}

// answers is a strategy with a fixed answer.
type answers struct{ a Answer }

func (s answers) Discover(context.Context) (Answer, error) { return s.a, nil }
