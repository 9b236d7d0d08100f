package admin

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func listen(t *testing.T, dir string) net.Listener {
	t.Helper()
	l, err := ListenUnix(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	l := listen(t, dir)
	path := filepath.Join(dir, SocketName)
	if got := l.Addr().String(); got != path {
		t.Errorf("address %s", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files in the directory", len(files))
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestListenUnixRunning(t *testing.T) {
	dir := t.TempDir()
	listen(t, dir)
	if _, err := ListenUnix(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("%v, want ErrRunning", err)
	}
}

// TestListenUnixStale leaves a socket with nobody behind it, as a kill does.
func TestListenUnixStale(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, SocketName)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	if err := os.MkdirAll(filepath.Join(dir, ".admin", "s"), 0o700); err != nil { // so does a kill in the middle
		t.Fatal(err)
	}
	listen(t, dir)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestCloseLeavesOthers closes a listener whose file a later one has replaced.
func TestCloseLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, SocketName)
	old := listen(t, dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, dir)
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestListenUnixErrors(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	file := t.TempDir()
	if err := os.WriteFile(filepath.Join(file, SocketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := t.TempDir()
	if err := os.Symlink("elsewhere", filepath.Join(link, SocketName)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		long:                                  "give a shorter --data-dir",
		file:                                  "is not a socket",
		link:                                  "is not a socket",
		filepath.Join(t.TempDir(), "missing"): "no such file or directory",
	} {
		if _, err := ListenUnix(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestListenUnixLongest uses the longest path that is allowed.
func TestListenUnixLongest(t *testing.T) {
	base, err := os.MkdirTemp("", "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	dir := filepath.Join(base, strings.Repeat("d", maxSocketPath-len(base)-len(SocketName)-2))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := len(listen(t, dir).Addr().String()); got != maxSocketPath {
		t.Errorf("the path has %d bytes", got)
	}
}
