// Package discoverytest runs a discovery plugin inside a unit test: the same
// service over gRPC that the process would serve, without the process.
package discoverytest

import (
	"context"
	"io"
	"log/slog"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/muster-mqtt/muster/discovery"
)

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// pipeSize is the capacity of the connection in memory, in bytes.
const pipeSize = 1 << 20

// Start serves the plugin until the test ends and returns a client of it,
// which has not called Configure yet. What the plugin logs is discarded.
func Start(t TB, info discovery.Info, f discovery.Factory) *discovery.Client {
	t.Helper()
	lis := bufconn.Listen(pipeSize)
	srv := discovery.NewServer(info, f, slog.New(slog.NewTextHandler(io.Discard, nil)))
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("connecting in memory: %v", err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		if err := <-served; err != nil {
			t.Fatalf("serving: %v", err)
		}
	})
	return discovery.NewClient(conn)
}
