package pluginhost

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// With this variable the test binary is a node whose host runs the toy at the
// path in it.
const asHost = "PLUGINHOST_TEST_HOST"

// beHost prints the pid of its plugin and runs until it is killed.
func beHost() {
	h, err := New(Options{
		Strategy: "toy", Path: os.Getenv(asHost), RunDir: os.Getenv("RUN_DIR"), Logger: silent(),
		Config: []byte(`{"grandchild": "group"}`), Timers: Timers{Start: patience},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = h.Run(context.Background()) }()
	a, err := h.Discover(context.Background())
	for err != nil {
		a, err = h.Discover(context.Background())
	}
	fmt.Println(h.Status().PID, a.Candidates[0].Attributes["grandchild"])
	select {}
}

func TestHostKilledLeavesNoOrphan(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asHost+"="+toyPath, "RUN_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	plugin, grandchild, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, badPID := strconv.Atoi(plugin)
	child, badChild := strconv.Atoi(grandchild)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil || badPID != nil || badChild != nil {
		t.Fatalf("the host said %q, %v", line, err)
	}
	awaitDeath(t, pid, patience)
	awaitDeath(t, child, patience)

	// What the dead host left in its run directory, the next one sweeps.
	o := toyOptions(t, `{}`)
	o.RunDir = dir
	left, err := runDir(dir, "toy")
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(left)
	if err != nil || len(before) == 0 {
		t.Fatalf("expected leavings in %s: %v, %v", left, before, err)
	}
	h, _ := run(t, o)
	await(t, h, "ready", ready)
	after, err := os.ReadDir(left)
	if err != nil || len(after) != 1 {
		t.Errorf("%d entries in the run directory, want the plugin's own: %v", len(after), err)
	}
}
