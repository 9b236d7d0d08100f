package pluginhost

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/discovery"
)

// evidence is what is known of a start that failed.
type evidence struct {
	path           string
	err            error  // go-plugin's, or of exec
	started        bool   // there was a process
	ended          string // how it ended, empty if it was running
	late           string // the time that it had, if that ran out
	stdout, stderr []string
}

// explain stops the process and makes one line of what went wrong.
func (s *session) explain(err error, late bool) error {
	e := evidence{path: s.path, err: err, started: s.proc.hasStarted()}
	if late {
		e.late = s.o.Timers.Start.String()
	} else {
		e.ended = s.proc.exitedBy(s.o.Timers.Drain)
	}
	s.proc.kill()
	s.proc.join()
	e.stdout, e.stderr = s.proc.out.lines()
	return discovery.Errorf(discovery.PluginInternal, "%s", e.line())
}

// line says in one line what happened and what to do.
func (e evidence) line() string {
	words := lastWords(e.stderr)
	switch {
	case errors.Is(e.err, syscall.ENOEXEC):
		return e.path + " is not a program for this machine; install the plugin built for it"
	case errors.Is(e.err, syscall.EACCES):
		return e.path + " may not be executed; check its mode and that neither it nor node.data_dir is mounted noexec"
	case len(e.stdout) == 0 && e.late != "":
		return fmt.Sprintf("%s gave no handshake within %s; is it a discovery plugin of muster?%s", e.path, e.late, words)
	case len(e.stdout) == 0 && e.ended != "":
		return fmt.Sprintf("%s ended before the handshake: %s%s", e.path, e.ended, words)
	case len(e.stdout) == 0 && e.started:
		return fmt.Sprintf("%s closed its standard output without a handshake; is it a discovery plugin of muster?%s", e.path, words)
	case len(e.stdout) == 0:
		return oneLine(fmt.Sprintf("%s could not be started: %v%s", e.path, e.err, words), keptLine)
	}
	parts := strings.Split(e.stdout[0], "|")
	if len(parts) < 4 || parts[0] != "1" {
		return fmt.Sprintf("%s printed %q before the handshake; it is no discovery plugin of muster, or prints before discovery.Serve%s",
			e.path, strings.Join(e.stdout[:min(len(e.stdout), 3)], " / "), words)
	}
	if parts[1] != fmt.Sprint(discovery.ContractVersion) {
		return fmt.Sprintf("%s speaks version %s of the discovery contract, this node speaks %d; install the plugin of this release",
			e.path, parts[1], discovery.ContractVersion)
	}
	if certificate(e.stdout[0]) == "" {
		return e.path + " does not offer the encryption that the handshake asks for (AutoMTLS); update the plugin"
	}
	if e.late != "" {
		return fmt.Sprintf("%s did not take a connection within %s after its start%s", e.path, e.late, words)
	}
	if e.ended != "" {
		return fmt.Sprintf("%s ended right after the handshake: %s%s", e.path, e.ended, words)
	}
	return oneLine(fmt.Sprintf("%s: the handshake failed: %v%s", e.path, e.err, words), 2*keptLine)
}

// certificate is the sixth part of a handshake line.
func certificate(handshake string) string {
	parts := strings.Split(handshake, "|")
	if len(parts) < 6 {
		return ""
	}
	return parts[5]
}

// lastWords quotes the end of stderr, if there is any.
func lastWords(stderr []string) string {
	var words []string
	for _, line := range stderr[max(0, len(stderr)-3):] {
		if line != "" {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", strings.Join(words, " / "))
}
