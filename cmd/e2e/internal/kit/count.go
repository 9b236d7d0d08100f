package kit

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/core/admin"
)

// Count adds up the metrics of the node with a data directory whose names, with
// their labels, begin with muster_ and prefix.
func Count(t testing.TB, dir, prefix string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(Metrics(t, dir)) {
		rest, ok := strings.CutPrefix(line, "muster_"+prefix)
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}

// Metrics is what the node with a data directory answers to GET /metrics on
// its unix socket.
func Metrics(t testing.TB, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, admin.SocketName))
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
