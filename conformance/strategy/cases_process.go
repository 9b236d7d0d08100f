package strategy

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

var processCases = []Case{
	{Name: "process.stdout", Sentence: "nothing but the handshake is on standard output", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		s.stop()
		if stdout, _ := s.life.Output(); len(stdout) != 1 {
			p.fail("%d lines: %q", len(stdout), stdout[:min(len(stdout), 5)])
		}
	}},
	{Name: "process.by-hand", Sentence: "run by hand it explains itself and ends with a status other than 0", check: func(p *probe) {
		cmd := exec.CommandContext(p.ctx, p.job.o.Plugin, p.job.o.Args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		began := time.Now()
		if err := cmd.Run(); err == nil {
			p.fail("it ends with status 0")
		}
		p.within("its end", time.Since(began), 5*time.Second)
		if said.Len() == 0 {
			p.fail("it says nothing")
		}
	}},
	{Name: "process.host-dies", Sentence: "when descriptor 3 ends, the plugin and all its children end", check: checkOrphan},
	{Name: "process.strangers", Sentence: "only a client with the host's certificate is served", check: checkStrangers},
	{Name: "process.stopped", Sentence: "a plugin that was stopped and goes on works", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		p.suspend(s.life.PID())
		_, took, err := s.discover(300 * time.Millisecond)
		p.must("SIGCONT", syscall.Kill(s.life.PID(), syscall.SIGCONT))
		p.wantClass("Discover of a stopped plugin", err, discovery.Timeout)
		p.within("Discover of a stopped plugin", took, 300*time.Millisecond)
		p.recovers(s, node(1))
	}},
	{Name: "process.killed", Sentence: "a plugin that is killed in a call fails that call, and a new one works", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		p.must("SIGKILL", syscall.Kill(s.life.PID(), syscall.SIGKILL))
		if _, _, err := s.discover(callTime); err == nil {
			p.fail("a killed plugin answers")
		}
		fresh := p.start(9)
		fresh.sees(fresh.list(), node(1))
	}},
	{Name: "process.shutdown", Sentence: "after Shutdown the process ends in order, within 3 s and with all its children", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		group := inGroup(s.life.PID())
		p.must("Shutdown", s.Shutdown(p.ctx, time.Second))
		began := time.Now()
		s.stop()
		p.within("its end", time.Since(began), 3*time.Second)
		for _, pid := range group {
			if alive(pid) {
				p.fail("process %d outlives the plugin", pid)
			}
		}
	}},
	{Name: "process.secrets", Sentence: "no secret is in the arguments, the environment or the output", check: checkSecrets},
	{Name: "process.leaks", Sentence: "a hundred calls leave no descriptor and no process behind", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		for range 10 {
			s.list()
		}
		before, group := s.descriptors(), len(inGroup(s.life.PID()))
		for range 100 {
			s.list()
		}
		p.settles(s, before)
		if now := len(inGroup(s.life.PID())); now > group {
			p.fail("the plugin has %d processes, it had %d", now, group)
		}
	}},
	{Name: "process.no-children", Sentence: "no process of the plugin outlives it", check: func(p *probe) {
		s := p.start(9)
		p.seed(node(1))
		s.list()
		children := descendants(s.life.PID())
		p.must("SIGTERM", syscall.Kill(s.life.PID(), syscall.SIGTERM))
		s.life.Stop(true)
		for _, pid := range children {
			if alive(pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				p.fail("a child of the plugin, process %d, outlives it", pid)
			}
		}
	}},
}

// checkSecrets looks for the configuration's secrets, and for the key of the
// cluster, wherever others can read.
func checkSecrets(p *probe) {
	if len(p.reply.Secrets) == 0 {
		p.skip("the fixture names no secret")
	}
	s := p.start(9)
	_, _, _ = s.discover(callTime)
	p.do(Fault, "down", "on")
	_, _, _ = s.discover(callTime)
	_, failed := s.Health(p.ctx)
	seen := map[string]string{"its status": ""}
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile("/proc/" + itoa(s.life.PID()) + "/" + file)
		p.must("reading", err)
		seen[file] = string(text)
	}
	if failed != nil {
		seen["an error"] = failed.Error()
	}
	s.stop()
	stdout, stderr := s.life.Output()
	seen["standard output"], seen["standard error"] = strings.Join(stdout, "\n"), strings.Join(stderr, "\n")
	for where, text := range seen {
		if i := slices.IndexFunc(p.reply.Secrets, func(secret string) bool { return strings.Contains(text, secret) }); i >= 0 {
			p.fail("secret %d of the fixture is in its %s", i+1, where)
		}
	}
}
