package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin/runner"
)

// What follows is a process as go-plugin wants to see it, with Start.
var _ runner.Runner = (*process)(nil)

// Wait returns when the process and its output have ended.
func (p *process) Wait(context.Context) error {
	<-p.gone
	return p.err
}

// Kill kills the group.
func (p *process) Kill(context.Context) error {
	p.kill()
	return nil
}

// Stdout carries the handshake line only.
func (p *process) Stdout() io.ReadCloser { return p.handshake }

// Stderr is empty: go-plugin's reader of it can be made to panic.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path of the binary.
func (p *process) Name() string { return p.path }

// ID is the process ID, or the path before there is one.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return strconv.Itoa(p.cmd.Process.Pid)
	}
	return p.path
}

// Diagnose has nothing to add: explain does that.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost refuses addresses that are not of this machine.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	if network == "unix" {
		return network, addr, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("address %q of the handshake: %w", addr, err)
	}
	if ip := net.ParseIP(host); network != "tcp" || ip == nil || !ip.IsLoopback() {
		return "", "", errors.New("the handshake names an address that is neither a unix socket nor loopback")
	}
	return network, addr, nil
}

// HostToPlugin changes nothing.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
