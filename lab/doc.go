// Package lab gives tests machines of their own: hosts in rootless Linux
// network namespaces, joined by a switch in the test's process that can cut
// them apart. It needs neither root nor any program, only a kernel that lets
// ordinary users make user namespaces.
//
// The package under test hands its tests to Main:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// Main runs the tests in a second process, in a network namespace that holds
// the switch and has a loopback interface of its own and nothing else. A test
// asks New for hosts, starts programs in them with Host.Command, and talks to
// those through their standard streams, files or Unix sockets named by path:
// all of these cross network namespaces, TCP and UDP do not. So a test's HTTP
// client reaches a host's API through a Unix socket, or by a program in a
// host.
//
// A test binary that doubles as such a program must recognise that by its
// arguments, before it calls Main, and not by its environment, which the step
// between the two processes shares.
package lab
