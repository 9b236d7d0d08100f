package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	neturl "net/url"
	"strconv"
	"strings"
)

// seed takes the address of a node: name@host, name@host:port, host:port or a
// host. An IPv6 host takes brackets where a port follows.
func seed(s string) (string, error) {
	bad := fmt.Errorf("found %s, expected name@host, name@host:port or host:port", short(s))
	name, addr, named := strings.Cut(s, "@")
	if !named {
		name, addr = "", s
	}
	if named && name == "" || len(s) > maxName+len(":65535") || strings.ContainsAny(s, " \t\r\n/,\"'") || strings.Contains(addr, "@") {
		return "", bad
	}
	if ip, err := netip.ParseAddr(strings.Trim(addr, "[]")); err == nil && ip.IsValid() {
		return s, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = addr, "1"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, ":[]") && !isIP(host) {
		return "", bad
	}
	return s, nil
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// url takes a URL with a host, of one of the schemes.
func url(schemes string) func(string) (string, error) {
	return func(s string) (string, error) {
		u, err := neturl.Parse(s)
		if err != nil || u.Host == "" || !isWord(u.Scheme, schemes) || len(s) > 2048 {
			return "", fmt.Errorf("found %s, expected a URL such as %s://host:port", short(userInfo.ReplaceAllString(s, "://"+masked+"@")), strings.Fields(schemes)[0])
		}
		return s, nil
	}
}

func multicast(s string) (string, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || !ip.IsMulticast() {
		return "", fmt.Errorf("found %s, expected a multicast address such as 239.192.0.1", short(s))
	}
	return ip.String(), nil
}

// interfaceName takes the address or the name of a network interface.
func interfaceName(s string) (string, error) {
	if isIP(s) {
		return s, nil
	}
	if _, err := label(s); err != nil {
		return "", fmt.Errorf("found %s, expected the address or the name of a network interface", short(s))
	}
	return s, nil
}

// domain takes a name of DNS (RFC 1035 section 2.3.1, and '_' as SRV records
// have it), with or without the dot at its end.
func domain(s string) (string, error) {
	name := strings.TrimSuffix(s, ".")
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || len(part) > 63 || strings.ContainsFunc(part, func(r rune) bool { return r != '-' && r != '_' && !isAlnum(r) }) {
			return "", fmt.Errorf("found %s, expected a domain name", short(s))
		}
	}
	if len(name) > 253 {
		return "", fmt.Errorf("found %s, expected a domain name of at most 253 characters", short(s))
	}
	return s, nil
}

// dnsServer takes system, an IP address, or either with a port.
func dnsServer(s string) (string, error) {
	if strings.EqualFold(s, "system") {
		return "system", nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() > 0 {
		return s, nil
	}
	// Brackets that are left belong to no port: a zone would take them in.
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && !strings.Contains(ip.Zone(), "]") {
		return net.JoinHostPort(ip.String(), "53"), nil
	}
	return "", fmt.Errorf("found %s, expected system or the address of a DNS server, with or without a port", short(s))
}

// verify takes whether a TLS peer must show a certificate that holds.
func verify(s string) (string, error) {
	switch word := strings.TrimPrefix(strings.ToLower(s), "verify_"); word {
	case "peer", "none":
		return word, nil
	}
	return "", errors.New("found " + short(s) + ", expected peer or none")
}
