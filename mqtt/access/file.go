package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"
)

// The bounds of a file of this package.
const (
	maxFile = 16 << 20 // bytes
	maxLine = 8 << 10  // bytes
)

// LineError is what is wrong with a file, and where.
type LineError struct {
	File string // or the key of the configuration
	Line int    // from 1; 0 is the file as a whole
	Err  error
}

// Error returns file:line: what.
func (e *LineError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the error itself.
func (e *LineError) Unwrap() error { return e.Err }

var _ error = (*LineError)(nil)

// readFile reads a regular file of a bounded size; another kind might block,
// or never end. The mode is that of what was read.
func readFile(path string) (text string, mode fs.FileMode, err error) {
	defer func() {
		if err != nil {
			err = &LineError{File: path, Err: cause(err)}
		}
	}()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, errors.New("not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", 0, err
	case len(b) > maxFile:
		return "", 0, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return string(b), closed(info, os.Geteuid()), nil
}

// closed is the mode of a file. The group of one that is root's may read it,
// where we are not root: that is how Kubernetes mounts a Secret, and we could
// not read it otherwise.
func closed(info fs.FileInfo, self int) fs.FileMode {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid == 0 && self != 0 {
		return info.Mode() &^ 0o040
	}
	return info.Mode()
}

// cause takes the operation and the path off an error, which says them itself.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// eachLine calls parse for every line that is not empty and no comment, and
// stops at the first error, which it gives its place.
func eachLine(name, text string, parse func(n int, line string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if err := checkLine(line); err != nil {
			return &LineError{File: name, Line: n, Err: err}
		}
		if trimmed := strings.TrimLeft(line, " \t"); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if err := parse(n, line); err != nil {
			return &LineError{File: name, Line: n, Err: err}
		}
	}
	return nil
}

func checkLine(line string) error {
	switch {
	case len(line) > maxLine:
		return fmt.Errorf("a line of %d bytes, expected at most %d", len(line), maxLine)
	case !utf8.ValidString(line):
		return errors.New("found a byte that is not UTF-8")
	case strings.ContainsFunc(line, control):
		return errors.New("found a control character")
	}
	return nil
}

// control reports whether r has no place in a line; a tab has.
func control(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }
