package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// NodeTLS is the part of the configuration under node.ssl_dist, which counts
// with node.proto_dist = inet_tls and inet6_tls; "" means no file.
type NodeTLS struct {
	CACertFile, CertFile, KeyFile string
	VerifyPeer                    bool // verify = peer
}

// TLS reports whether links between nodes are protected by TLS.
func (n Node) TLS() bool { return strings.HasSuffix(n.ProtoDist, "_tls") }

// IPv6 reports whether nodes reach one another over IPv6.
func (n Node) IPv6() bool { return strings.HasPrefix(n.ProtoDist, "inet6_") }

// Mapped reports whether ports are found by a port mapper.
func (n Node) Mapped() bool { return n.PortMap == "epmd" }

const (
	epmdOnly = "counts with node.port_mapping = epmd"
	tlsOnly  = "counts with node.proto_dist = inet_tls"
)

func distKeys() []key {
	file := func(at func(*NodeTLS) *string) reader {
		return text(func(t target) *string { return at(&t.c.Node.SSL) }, filled)
	}
	return []key{
		{path: "node.proto_dist", read: choice(func(t target) *string { return &t.c.Node.ProtoDist }, "inet_tcp inet6_tcp inet_tls inet6_tls", "")},
		{path: "node.port_mapping", read: choice(func(t target) *string { return &t.c.Node.PortMap }, "offset epmd", "")},
		{path: "node.dist_listen_min", read: number(func(t target) *int { return &t.c.Node.ListenMin }, 1, 65535)},
		{path: "node.dist_listen_max", read: number(func(t target) *int { return &t.c.Node.ListenMax }, 1, 65535)},
		{path: "node.ssl_dist.cacertfile", optional: true, read: file(func(s *NodeTLS) *string { return &s.CACertFile })},
		{path: "node.ssl_dist.certfile", optional: true, read: file(func(s *NodeTLS) *string { return &s.CertFile })},
		{path: "node.ssl_dist.keyfile", optional: true, read: file(func(s *NodeTLS) *string { return &s.KeyFile })},
		{path: "node.ssl_dist.verify", read: verifyPeer(func(t target) *bool { return &t.c.Node.SSL.VerifyPeer })},
	}
}

// dist checks what the keys of the links between nodes must agree on.
func (l *loader) dist(c *Config) {
	n := c.Node
	if n.ListenMin > n.ListenMax {
		l.failAt(c, "node.dist_listen_min", fmt.Sprintf("node.dist_listen_min is %d, expected at most node.dist_listen_max, %d", n.ListenMin, n.ListenMax))
	}
	if n.TLS() {
		l.failDist(c, n.SSL.lacks())
	}
	if n.IPv6() {
		l.failDist(c, n.notIPv6())
	}
	if !n.Mapped() {
		l.warnUnused(c, epmdOnly, map[string]string{"node.dist_listen_min": "6369", "node.dist_listen_max": "7369"})
	}
	if !n.TLS() {
		l.warnUnused(c, tlsOnly, map[string]string{
			"node.ssl_dist.cacertfile": "", "node.ssl_dist.certfile": "", "node.ssl_dist.keyfile": "", "node.ssl_dist.verify": "peer",
		})
	}
}

func (l *loader) failDist(c *Config, why string) {
	if why != "" {
		l.failAt(c, "node.proto_dist", "node.proto_dist is "+c.Node.ProtoDist+", but "+why)
	}
}

// lacks says which file of TLS is not named.
func (s NodeTLS) lacks() string {
	switch {
	case s.CertFile == "":
		return "node.ssl_dist.certfile names no certificate of this node"
	case s.KeyFile == "":
		return "node.ssl_dist.keyfile names no private key of this node"
	case s.CACertFile == "" && s.VerifyPeer:
		return "node.ssl_dist.cacertfile names no authorities by which to verify other nodes"
	}
	return ""
}

// notIPv6 says which address is one of IPv4.
func (n Node) notIPv6() string {
	if ip, err := netip.ParseAddr(n.Bind); err == nil && ip.Is4() && !ip.IsUnspecified() {
		return "node.bind is " + n.Bind
	}
	_, host, _ := strings.Cut(n.Name, "@")
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().Is4() {
		return "the host in node.name is " + host
	}
	return ""
}

// warnUnused tells of keys that were set to something else than their default
// and have no effect.
func (l *loader) warnUnused(c *Config, why string, defaults map[string]string) {
	for _, e := range c.entries {
		if usual, ours := defaults[e.Path]; ours && e.Source != "default" && e.Value != usual {
			l.warn("%s: %s %s", e.Source, e.Path, why)
		}
	}
}
