// Package seeds is the static strategy: a list of addresses from the
// configuration, of which host names are resolved anew in each round.
package seeds

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// seed is one entry: name@host, name@host:port, host:port or host, where an
// IPv6 host takes brackets if a port follows.
type seed struct {
	path string     // where in the configuration, such as seeds[1]
	text string     // as written
	name string     // name@host, or empty: what the node there calls itself
	host string     // host name, or empty where addr is valid
	addr netip.Addr // IP address
	port uint16     // 0 = none written
}

const (
	maxNodeName = 255 // bytes, as for every node name
	maxHostName = 253 // RFC 1035, 2.3.4, without the root's dot
	nameChars   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.~"
	hostChars   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
)

// parseSeed reads one entry. The errors are for the person who wrote it.
func parseSeed(text string) (seed, error) {
	s := seed{text: text}
	rest := text
	name, after, named := strings.Cut(text, "@")
	if named {
		if name == "" || strings.Trim(name, nameChars) != "" {
			return seed{}, fmt.Errorf("%q: the name before @ may have letters, digits and _-.~ only", text)
		}
		rest = after
	}
	host, port, err := splitPort(rest)
	if err == nil {
		err = s.setHost(host)
	}
	if err == nil && port != "" {
		s.port, err = parsePort(port)
	}
	if err != nil {
		return seed{}, fmt.Errorf("%q: %w", text, err)
	}
	if named {
		s.name = name + "@" + s.hostText()
	}
	if len(s.name) > maxNodeName {
		return seed{}, fmt.Errorf("%q: longer than %d bytes", text, maxNodeName)
	}
	return s, nil
}

// splitPort returns the port without its colon, "" where there is none.
func splitPort(s string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, closed := strings.Cut(inner, "]")
		if !closed || !strings.Contains(host, ":") {
			return "", "", errors.New("brackets go around an IPv6 address")
		}
		if rest != "" && !strings.HasPrefix(rest, ":") {
			return "", "", fmt.Errorf("%q after the bracket is not a port", rest)
		}
		return host, portText(rest), nil
	}
	if strings.Count(s, ":") > 1 { // an IPv6 address, or nothing
		return s, "", nil
	}
	i := strings.IndexByte(s, ':')
	if i < 0 {
		return s, "", nil
	}
	return s[:i], portText(s[i:]), nil
}

// portText makes an empty port after a colon visible to parsePort.
func portText(s string) string {
	if s == ":" {
		return " "
	}
	return strings.TrimPrefix(s, ":")
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' {
		return 0, fmt.Errorf("port %q is not a number from 1 to 65535", strings.TrimSpace(s))
	}
	return uint16(n), nil
}

func (s *seed) setHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		s.addr = addr.Unmap()
		if s.addr.IsUnspecified() || s.addr.IsMulticast() {
			return fmt.Errorf("%s is no address of a node", host)
		}
		return nil
	}
	switch bare := strings.TrimSuffix(host, "."); {
	case strings.Contains(host, ":"):
		return fmt.Errorf("%s is not an IPv6 address; write [address]:port where a port follows", host)
	case bare == "" || len(bare) > maxHostName:
		return errors.New("the host is missing, or longer than a name may be")
	case strings.Trim(bare, hostChars) != "":
		return fmt.Errorf("host %q may have letters, digits, dots, _ and - only", host)
	case strings.Trim(bare, "0123456789.") == "":
		return fmt.Errorf("%s is not an IPv4 address", host)
	}
	s.host = host
	return nil
}

func (s *seed) hostText() string {
	if s.addr.IsValid() {
		return s.addr.String()
	}
	return strings.TrimSuffix(s.host, ".")
}
