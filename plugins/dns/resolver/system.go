package resolver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// Bounds of a resolv.conf; what is beyond them is left out.
const (
	maxConf    = 64 << 10 // bytes
	maxServers = 8
	maxDomains = 8
	maxName    = 254 // characters of a name with the root's dot (RFC 1035, 2.3.4)
)

// port of name servers.
const port = 53

// System is whom to ask, and below which domains to look for names without a
// dot.
type System struct {
	Servers []netip.AddrPort // in the order in which to ask them
	Search  []string         // absolute, with the root's dot
}

// Fixed returns a source that always says the same, and has no search domains.
func Fixed(server netip.AddrPort) func() (System, error) {
	return func() (System, error) { return System{Servers: []netip.AddrPort{server}}, nil }
}

// File returns a source that reads a resolv.conf each time that it is asked.
// Without the file, or a server in it, that is the one on this machine, as in
// resolv.conf(5).
func File(path string) func() (System, error) {
	return func() (System, error) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return parseConf(strings.NewReader("")), nil
		}
		if err != nil {
			return System{}, fmt.Errorf("the list of name servers cannot be read: %w", err)
		}
		defer f.Close()
		return parseConf(io.LimitReader(f, maxConf)), nil
	}
}

// parseConf reads what resolv.conf(5) describes, as leniently as the C library
// does: what it does not know it passes over.
func parseConf(in io.Reader) System {
	var s System
	for lines := bufio.NewScanner(in); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line, _, _ = strings.Cut(line, ";")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			s.server(words[1])
		case "domain":
			s.search(words[1:2])
		case "search": // the last line of both counts
			s.search(words[1:])
		}
	}
	if len(s.Servers) == 0 {
		s.server("127.0.0.1")
	}
	return s
}

func (s *System) server(text string) {
	if addr, err := netip.ParseAddr(text); err == nil && len(s.Servers) < maxServers {
		s.Servers = append(s.Servers, netip.AddrPortFrom(addr, port))
	}
}

func (s *System) search(domains []string) {
	s.Search = nil
	for _, d := range domains {
		if d = strings.Trim(d, "."); d != "" && len(d) < maxName && len(s.Search) < maxDomains {
			s.Search = append(s.Search, d+".")
		}
	}
}
