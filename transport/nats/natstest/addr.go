package natstest

import "net"

// port of a listening address.
func port(a net.Addr) int { return a.(*net.TCPAddr).Port }
