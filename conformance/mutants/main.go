package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/conformance/mutants/internal/dirbackend"
	"github.com/muster-mqtt/muster/discovery"
)

func main() {
	fault := ""
	if len(os.Args) == 3 && os.Args[1] == "--fault" {
		fault = os.Args[2]
	}
	if len(os.Args) > 1 && !slices.Contains(faults, fault) {
		fmt.Fprintf(os.Stderr, "usage: mutants [--fault NAME], one of: %s\n", strings.Join(faults, ", "))
		os.Exit(2)
	}
	if fault == "chatty-stdout" {
		if fd, err := syscall.Dup(1); err == nil { // the kit will move it aside
			realStdout = os.NewFile(uintptr(fd), "stdout")
		}
	}
	os.Exit(discovery.Serve(discovery.Info{
		Name: "mutants", Version: "1.0.0",
		Capabilities: []discovery.Capability{discovery.CanWatch, discovery.CanRegister, discovery.CanClaim},
		SecretPaths:  []string{"password"},
	}, func(ctx context.Context, s discovery.Setup) (discovery.Configured, error) { return configure(fault, s) }))
}

// realStdout is where the handshake went.
var realStdout *os.File

// faults are the ways to be broken.
var faults = []string{
	"drops-self", "hides-not-ready", "duplicates", "stale-cache",
	"denied-as-empty", "down-as-empty", "wrong-class", "health-lies",
	"ignores-cancellation", "leaks-descriptors", "leaks-on-failure", "chatty-stdout", "leaks-grandchild", "tells-secret",
	"lenient-configuration",
	"silent-watch", "partial-watch", "deaf-watch",
	"forgets-to-register-again", "forgets-to-renew", "keeps-entry", "registers-twice",
	"both-claims-win", "claim-lost-at-restart", "unclaims-anything", "claims-collide",
}

type conf struct {
	Dir      string `json:"dir"`
	Password string `json:"password"`
	Pace     int    `json:"pace"` // milliseconds between two looks of a watch; 20
}

func configure(fault string, s discovery.Setup) (discovery.Configured, error) {
	c := conf{Pace: 20}
	if err := s.Decode(&c); err != nil {
		if fault != "lenient-configuration" {
			return discovery.Configured{}, err
		}
		_ = json.Unmarshal(s.Config, &c) // of a wrong type: left out
	}
	if fault != "lenient-configuration" {
		if c.Dir == "" {
			return discovery.Configured{}, discovery.InvalidConfig("dir", "is missing")
		}
		if c.Pace < 1 || c.Pace > 1000 {
			return discovery.Configured{}, discovery.InvalidConfig("pace", "%d is not in 1..1000", c.Pace)
		}
	}
	switch fault {
	case "tells-secret":
		s.Logger.Info("connecting", "password", c.Password)
	case "leaks-grandchild":
		if err := grandchild(); err != nil {
			return discovery.Configured{}, err
		}
	}
	m := &mutant{conf: c, dir: dirbackend.Dir(c.Dir), self: s.Self, fault: fault, resets: dirbackend.Dir(c.Dir).Resets()}
	m.leases.m = m
	return discovery.Configured{Strategy: m}, nil
}

// grandchild starts a process that has left the group, and so outlives us.
func grandchild() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{
		Files: []*os.File{null, nil, nil}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	return p.Release()
}
