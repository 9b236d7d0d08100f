package discovery

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// hostPipe is the descriptor on which a plugin inherits the read end of a pipe
// whose other end its host holds: end of file means that the host is gone.
const hostPipe = 3

// Serve runs a plugin until its host ends it, and returns the exit status for
// main. Make it the first thing that main does: from then on nothing that the
// process prints can disturb the handshake. Started by hand it explains itself
// and returns 1. When the host dies, Serve kills the process and the process
// group that it leads, within 300 ms and without returning.
func Serve(info Info, f Factory) int {
	handshake := Handshake()
	if os.Getenv(handshake.MagicCookieKey) != handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "%s %s is a discovery plugin of muster. A muster node starts it by itself "+
			"when cluster.discovery_strategy names it; there is nothing to run by hand.\n", info.Name, info.Version)
		return 1
	}
	stdout, err := takeStdout()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot move standard output aside:", err)
		return 1
	}
	os.Stdout = stdout // where go-plugin prints the handshake, and nobody else
	log := newLogger(os.Stderr)
	dieWithHost(log)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		VersionedPlugins: versioned(&grpcPlugin{register: func(s *grpc.Server) {
			register(s, info, f, log)
		}}),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, recovering(log)...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: os.Stderr, JSONFormat: true, Level: hclog.Warn}),
	})
	return 0
}

// takeStdout points descriptor 1 at standard error and returns what it was.
func takeStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup2(2, 1); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "handshake"), nil
}

// dieWithHost ends the process when the host is gone. A parent-death signal
// would be tied to one thread of the host and fire too early.
func dieWithHost(log *slog.Logger) {
	var st unix.Stat_t
	if unix.Fstat(hostPipe, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		log.Warn("descriptor 3 is no pipe: this plugin will outlive a host that is killed")
		return
	}
	unix.CloseOnExec(hostPipe)
	go func() {
		// Whatever ends the copy, there is no host to be heard from any more.
		_, _ = io.Copy(io.Discard, os.NewFile(hostPipe, "host"))
		if unix.Getpgrp() == os.Getpid() {
			_ = unix.Kill(0, unix.SIGKILL) // children too
		}
		os.Exit(1)
	}()
}

// newLogger writes lines that go-plugin hosts read as structured.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.TimeKey:
				return slog.String("@timestamp", a.Value.Time().Format(hclog.TimeFormatJSON))
			case slog.LevelKey:
				return slog.String("@level", strings.ToLower(a.Value.String()))
			case slog.MessageKey:
				return slog.String("@message", a.Value.String())
			}
			return a
		},
	}))
}
