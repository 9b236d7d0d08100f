package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// SocketName is the admin socket's file name in the data directory.
const SocketName = "muster.sock"

// maxSocketPath keeps the path, and that of the directory in which the socket
// is made, below the 107 bytes that the kernel allows.
const maxSocketPath = 100

// maxConns bounds the connections; more wait until one ends.
const maxConns = 128

// ErrRunning is wrapped when a node already answers on the data directory's
// socket: stop it, or give this one a data directory of its own.
var ErrRunning = errors.New("another node runs on this data directory")

// ListenUnix opens the admin socket in dataDir, which must exist: mode 0600,
// from its first moment on. The socket of a node that is no more is replaced;
// that of a running one is ErrRunning. Close removes the file.
func ListenUnix(dataDir string) (net.Listener, error) {
	path := filepath.Join(dataDir, SocketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path of the admin socket, %s, has %d bytes, over %d: give a shorter --data-dir", path, len(path), maxSocketPath)
	}
	if err := checkFree(path); err != nil {
		return nil, err
	}
	l, err := bind(dataDir, path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return netutil.LimitListener(l, maxConns), nil
}

// checkFree returns nil if there is no file at path, or the socket of a node
// that is no more. Only a refusal proves that: a full backlog is no refusal.
func checkFree(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("admin socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is not a socket: move it away, or give another --data-dir", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("%w: it answers at %s", ErrRunning, path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("%w, or seems to: %w", ErrRunning, err)
}

// bind makes the socket in a directory that only we can enter, and moves it
// into place when its mode is right. The directory has one name, so that what
// a kill left of it goes away at the next start.
func bind(dataDir, path string) (net.Listener, error) {
	dir := filepath.Join(dataDir, ".admin")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	info, err := place(made, path)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return &socket{UnixListener: l, path: path, info: info}, nil
}

func place(made, path string) (fs.FileInfo, error) {
	if err := os.Chmod(made, 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(made, path); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// socket removes its file when it is closed.
type socket struct {
	*net.UnixListener
	path string
	info fs.FileInfo
}

var _ net.Listener = (*socket)(nil)

// Close ends the listener. The file goes first, unless a later node has put
// its own there: who finds it must find somebody behind it.
func (s *socket) Close() error {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.info) {
		_ = os.Remove(s.path)
	}
	return s.UnixListener.Close()
}

// Addr returns where clients reach the socket, which is not where it was made.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// NewServer returns an HTTP server for the handler of New, with its timeouts
// and limits set; the caller serves and closes it.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      operatorTime + 10*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
