//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// leaveVar makes TestLeaves do what its name says.
const leaveVar = "MUSTER_LAB_LEAVE"

// TestLeaves is the part of TestSweep that runs in a process of its own: it
// ends without any clean-up while a program runs in a host.
func TestLeaves(t *testing.T) {
	if os.Getenv(leaveVar) == "" {
		return
	}
	start(t, New(t, 1).Hosts[0], "prog-serve").want("ready")
	fmt.Println("user namespace", namespaceOf(ownThread, "user"))
	os.Exit(3)
}

// outside runs this test binary as if it were started by go test.
func outside(run string, env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+run+"$", "-test.v")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, outerVar+"=") })
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// TestSweep: tests that die leave no program behind, and their exit status is
// the outer process's.
func TestSweep(t *testing.T) {
	New(t, 1) // skips where there are no labs
	out, err := outside("TestLeaves", leaveVar+"=1").Output()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 3 {
		t.Fatalf("the tests ended with %v; want status 3\n%s", err, out)
	}
	_, user, found := strings.Cut(string(out), "user namespace ")
	if !found {
		t.Fatalf("no namespace is named in %s", out)
	}
	if left, err := sweepOnce("user", strings.TrimSpace(user)); left || err != nil {
		t.Errorf("programs are left: %v, %v", left, err)
	}
}

// TestForbidden: where no namespace can be made the tests run all the same,
// and those that need a lab skip, and say why.
func TestForbidden(t *testing.T) {
	New(t, 1)
	cmd := outside("TestEcho")
	none := "echo 0 > /proc/sys/user/max_user_namespaces && exec " + "\"$0\" \"$@\""
	cmd.Args = append([]string{"sh", "-c", none}, append([]string{exe(t)}, cmd.Args[1:]...)...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "skip: the kernel forbids a lab: make a user and a network namespace") {
		t.Errorf("without namespaces: %v\n%s", err, out)
	}
}

func exe(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEnterErrors covers a step into a host that cannot be taken.
func TestEnterErrors(t *testing.T) {
	for _, args := range [][]string{nil, {"/proc/self/ns/net", "/bin/true"}, {"/no/such/namespace", "/bin/true", "true"}} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = append([]string{enterArg}, args...)
		out, err := cmd.CombinedOutput()
		if err == nil || err.Error() != "exit status 126" || !strings.HasPrefix(string(out), "lab: ") {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}
