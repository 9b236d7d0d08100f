package pluginhost

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/muster-mqtt/muster/discovery"
)

// maxReceive bounds one answer of a plugin, in bytes.
const maxReceive = 4 << 20

// connect runs the process and go-plugin's handshake with it.
func (s *session) connect(ctx context.Context, dir string, limit *limiter) error {
	s.proc = newProcess(s.path, s.o.Timers.Drain, &output{log: s.log, limit: limit})
	s.plug = plugin.NewClient(s.clientConfig(dir))
	timed, cancel := context.WithTimeout(ctx, s.o.Timers.Start)
	defer cancel()
	defer context.AfterFunc(timed, s.proc.kill)()
	conn, err := s.plug.Client()
	s.linked = err == nil
	if s.linked && timed.Err() == nil && s.encrypted() {
		var raw any
		if raw, err = conn.Dispense(discovery.PluginName); err == nil {
			s.client = raw.(*discovery.Client) // what discovery.Plugins makes
		}
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.explain(err, late(timed))
}

// late reports whether the time of a context has run out. Its Err may learn of
// that a little later, where a machine stood still: go-plugin's own timer is
// then due as well, and may be served first.
func late(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && !time.Now().Before(end)
}

// encrypted reports whether the handshake carried a certificate.
func (s *session) encrypted() bool {
	stdout, _ := s.proc.out.lines()
	return len(stdout) > 0 && certificate(stdout[0]) != ""
}

func (s *session) clientConfig(dir string) *plugin.ClientConfig {
	file := s.path
	if s.checked != "" {
		file = s.checked
	}
	return &plugin.ClientConfig{
		HandshakeConfig:  discovery.Handshake(),
		VersionedPlugins: discovery.Plugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     2 * s.o.Timers.Start, // ours comes first
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		Logger:           internalLog(s.log),
		SyncStdout:       s.proc.out,
		SyncStderr:       s.proc.out,
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive)),
			grpc.WithStreamInterceptor(s.intercept),
		},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, sockets string) (runner.Runner, error) {
			s.sockets = sockets
			s.proc.prepare(file, s.o.Args, spec.Env)
			return s.proc, nil
		},
	}
}

// intercept remembers the connection, and keeps go-plugin's broker from
// opening its stream: the contract has no use for it, and what a plugin sends
// there is not bounded.
func (s *session) intercept(ctx context.Context, d *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	next grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s.mu.Lock()
	s.conns = append(s.conns, cc)
	s.mu.Unlock()
	if strings.HasSuffix(method, "/StartStream") {
		return nil, errors.New("no broker in this contract")
	}
	return next(ctx, d, cc, method, opts...)
}
