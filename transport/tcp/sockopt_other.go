//go:build !linux

package tcp

import (
	"net"
	"time"
)

// setUserTimeout does nothing where the kernel offers no such bound.
func setUserTimeout(net.Conn, time.Duration) {}
