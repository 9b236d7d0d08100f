// Command plugin is a strategy that misbehaves as its configuration says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/discovery"
)

func main() {
	os.Exit(discovery.Serve(discovery.Info{Name: "toy", Version: "1.2.3", NeedsClusterKey: true}, configure))
}

type toy struct {
	Refuse     bool   // its configuration
	Panic      string // at "configure" or "discover"
	Exit       bool   // in Discover
	Chatty     bool   // prints everywhere
	Hang       bool   // in Discover, but not in Health
	Fail       string // in Discover, while this file is there
	Grandchild string // "group" or "session": leaves one with our stderr
	pid        int
	key        string
}

func configure(_ context.Context, s discovery.Setup) (discovery.Configured, error) {
	t := &toy{key: string(s.ClusterKey)}
	if err := s.Decode(t); err != nil {
		return discovery.Configured{}, err
	}
	if t.Refuse {
		return discovery.Configured{}, discovery.InvalidConfig("refuse", "is true")
	}
	if t.Panic == "configure" {
		panic("at configure")
	}
	if t.Chatty {
		for i := range 1000 {
			fmt.Println("to stdout", i)
			fmt.Fprintln(os.NewFile(1, "raw"), "to descriptor 1", i)
		}
		s.Logger.Warn("structured", "answer", 42)
	}
	if t.Grandchild != "" {
		cmd := exec.Command("sleep", "600")
		cmd.Stderr = os.NewFile(2, "raw")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: t.Grandchild == "session"}
		if err := cmd.Start(); err != nil {
			return discovery.Configured{}, err
		}
		t.pid = cmd.Process.Pid
	}
	return discovery.Configured{Strategy: t}, nil
}

// Discover shows the process's surroundings in attributes and warnings.
func (t *toy) Discover(ctx context.Context) (discovery.Answer, error) {
	switch {
	case t.Exit:
		os.Exit(7)
	case t.Panic == "discover":
		panic("at discover")
	case t.Hang:
		<-ctx.Done()
		return discovery.Answer{}, ctx.Err()
	}
	if _, err := os.Stat(t.Fail); err == nil {
		return discovery.Answer{}, discovery.Errorf(discovery.BackendUnavailable, "in trouble")
	}
	return discovery.Answer{
		Candidates: []discovery.Candidate{{
			Endpoints: []discovery.Endpoint{{Host: "127.0.0.1", Port: 4370}},
			Attributes: map[string]string{
				"args": strings.Join(os.Args[1:], " "), "grandchild": fmt.Sprint(t.pid), "key": t.key,
				"dir": os.Getenv("PLUGIN_UNIX_SOCKET_DIR"),
			},
		}},
		Warnings: os.Environ(),
	}, nil
}
