package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// directory is where the segments are. Tests put one in its place that
// records, fails and forgets.
type directory interface {
	names() ([]string, error)
	open(name string) (file, error) // makes it if need be
	remove(name string) error
	sync() error // what was made and removed
}

// file is a segment on disk.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	size() (int64, error)
}

// osDir is a directory of the file system.
type osDir string

var _ directory = osDir("")

func (d osDir) names() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (d osDir) open(name string) (file, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDir) remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

func (d osDir) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

const suffix = ".journal"

// nameOf is the name of a segment: digits, so that names sort as numbers do.
func nameOf(number uint64) string { return fmt.Sprintf("%020d%s", number, suffix) }

// numberOf is the number of a segment; false for any other file.
func numberOf(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && n > 0 && nameOf(n) == name
}
