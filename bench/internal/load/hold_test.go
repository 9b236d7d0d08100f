package load

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
)

// holding runs a hold; between is called while the connections are there.
func holding(t *testing.T, o Options, between func()) (Held, error) {
	t.Helper()
	o.Role = Hold
	start := make(chan struct{})
	return runHold(t.Context(), o, signals{ready: func() { between(); close(start) }, start: start})
}

func TestHold(t *testing.T) {
	b := brokertest.Start(t, brokertest.Faults{})
	o := options(b, 0)
	o.Clients = 100
	got, err := holding(t, o, func() {})
	if err != nil || got.Connected != 100 || got.Alive != 100 || got.Ended <= got.Started {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHoldSeesDeath(t *testing.T) {
	b := brokertest.Start(t, brokertest.Faults{})
	got, err := holding(t, options(b, 0), b.Stop)
	if err != nil || got.Connected != 2 || got.Alive != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHoldFails(t *testing.T) {
	b := brokertest.Start(t, brokertest.Faults{Refuse: true})
	if _, err := holding(t, options(b, 0), func() {}); !errors.Is(err, ErrRefused) {
		t.Errorf("error %v", err)
	}
	b.Stop()
	if _, err := holding(t, options(b, 0), func() {}); err == nil || !strings.Contains(err.Error(), "client ") {
		t.Errorf("error %v", err)
	}
}

func TestHoldEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("enough"))
	defer cancel()
	o := options(brokertest.Start(t, brokertest.Faults{}), 0)
	if _, err := runHold(ctx, o, signals{ready: func() {}}); err == nil || err.Error() != "enough" {
		t.Errorf("error %v", err)
	}
}

func TestAuthorityFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, "/nonsense"} {
		if _, err := clientTLS(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v", file, err)
		}
	}
	if c, err := clientTLS(""); c != nil || err != nil {
		t.Errorf("without a file: %v, %v", c, err)
	}
}
