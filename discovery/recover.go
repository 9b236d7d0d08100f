package discovery

import (
	"context"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
)

// recovering makes a panic in a handler an error of class PluginInternal:
// gRPC would let it end the process.
func recovering(log *slog.Logger) []grpc.ServerOption {
	unary := func(ctx context.Context, req any, i *grpc.UnaryServerInfo, h grpc.UnaryHandler) (_ any, err error) {
		defer recovered(log, i.FullMethod, &err)
		return h(ctx, req)
	}
	stream := func(srv any, ss grpc.ServerStream, i *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
		defer recovered(log, i.FullMethod, &err)
		return h(srv, ss)
	}
	return []grpc.ServerOption{grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(stream)}
}

// recovered is to be deferred.
func recovered(log *slog.Logger, where string, err *error) {
	if r := recover(); r != nil {
		log.Error("the strategy panicked", "call", where, "panic", r, "stack", string(debug.Stack()))
		*err = toStatus(Errorf(PluginInternal, "panic in %s: %v", where, r))
	}
}
