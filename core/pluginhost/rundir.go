package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxRunDir keeps the path of a socket below 100 bytes (a kernel takes 108,
// others 104): go-plugin adds /plugin-dir and /plugin, each with ten digits.
const maxRunDir = 99 - len("/plugin-dir0123456789/plugin0123456789")

// runDir is the directory of one strategy below base, or, if that is too
// long, one of the same meaning in the system's temporary directory.
func runDir(base, strategy string) (string, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, strategy)
	if len(dir) <= maxRunDir {
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	short := filepath.Join(os.TempDir(), fmt.Sprintf("muster-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))
	if len(short) > maxRunDir {
		return "", fmt.Errorf("both %s and %s are too long for a socket; choose a shorter node.data_dir or TMPDIR", dir, short)
	}
	return short, nil
}

// makeRunDir makes dir if it is missing and refuses one that others could
// read or have put there.
func makeRunDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s must be a directory of this user alone (mode 0700); remove it", dir)
	}
	return nil
}

// sweep empties dir of what an earlier node left when it was killed.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
