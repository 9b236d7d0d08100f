//go:build !unix

package mqtt

import "errors"

// canTry says that tryRead works on this system.
const canTry = false

func (s *source) tryRead(uintptr) bool { return false }

func tryPeek(uintptr) bool { return false }

func tryWrite(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
