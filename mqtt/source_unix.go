//go:build unix

package mqtt

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// canTry says that tryRead works on this system.
const canTry = true

// tryRead reads what is there into a buffer and keeps it; without any it
// reports false and keeps none, so that syscall.RawConn.Read waits.
func (s *source) tryRead(fd uintptr) bool {
	s.take()
	n, err := syscall.Read(int(fd), *s.buf)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), *s.buf)
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		s.release()
		return false
	case err != nil:
		s.n, s.err = 0, os.NewSyscallError("read", err)
	case n == 0:
		s.n, s.err = 0, io.EOF
	default:
		s.n, s.err = n, nil
	}
	s.hot = s.n == len(*s.buf)
	return true
}

// tryWrite writes to a socket without waiting.
func tryWrite(fd uintptr, b []byte) (int, error) {
	n, err := syscall.Write(int(fd), b)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Write(int(fd), b)
	}
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), os.NewSyscallError("write", err)
}
