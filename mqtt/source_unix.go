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
	s.waiting.Store(false)
	s.take()
	n, err := syscall.Read(int(fd), *s.buf)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), *s.buf)
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		s.release()
		s.waiting.Store(true)
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

// tryPeek reports whether a read would not wait.
func tryPeek(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	return err == nil
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
