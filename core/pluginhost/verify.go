package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxBinary bounds the copy of a checked binary, in bytes.
const maxBinary = 512 << 20

// verified copies the binary into dir while it hashes it, and returns the
// path of the copy: what was hashed is what will be executed, whatever
// happens to the original meanwhile. The caller removes the copy.
func verified(path, want, dir string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	// A child forked while the copy is open for writing would keep it busy
	// and make its execution fail (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.CreateTemp(dir, "checked-")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, out), io.LimitReader(in, maxBinary+1))
	if err == nil && n > maxBinary {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxBinary>>20)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); err == nil && got != strings.ToLower(want) {
		err = fmt.Errorf("%s has the SHA-256 checksum %s, but %s is configured; "+
			"it was changed or the configuration is out of date", path, got, want)
	}
	if err == nil {
		err = out.Chmod(0o500)
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(out.Name())
		return "", err
	}
	return out.Name(), nil
}
