package config

import "slices"

// NATS is the part of the configuration under transport.nats, which counts
// with transport.type = nats.
type NATS struct {
	URLs []string // of servers; a user and password, or a token, may be in them
	// Credentials is a file with a user's JWT and seed, or with the seed of an
	// NKey; "" means none, as for the files of TLS.
	Credentials                   string
	CACertFile, CertFile, KeyFile string
	VerifyPeer                    bool // verify = peer
}

// viaTransport is the strategy that has no plugin: the transport hears of
// other nodes.
const viaTransport = "transport"

func transportKeys() []key {
	file := func(at func(*NATS) *string) reader {
		return text(func(t target) *string { return at(&t.c.NATS) }, filled)
	}
	return []key{
		{path: "transport.type", read: choice(func(t target) *string { return &t.c.Transport }, "tcp nats", "")},
		{path: "transport.nats.url", optional: true, read: texts(func(t target) *[]string { return &t.c.NATS.URLs }, url("nats tls ws wss"))},
		{path: "transport.nats.credentials", optional: true, read: file(func(n *NATS) *string { return &n.Credentials })},
		{path: "transport.nats.tls.cacertfile", optional: true, read: file(func(n *NATS) *string { return &n.CACertFile })},
		{path: "transport.nats.tls.certfile", optional: true, read: file(func(n *NATS) *string { return &n.CertFile })},
		{path: "transport.nats.tls.keyfile", optional: true, read: file(func(n *NATS) *string { return &n.KeyFile })},
		{path: "transport.nats.tls.verify", read: verifyPeer(func(t target) *bool { return &t.c.NATS.VerifyPeer })},
	}
}

// transport checks what the keys of the transport must agree on.
func (l *loader) transport(c *Config) {
	nats := c.Transport == "nats"
	switch {
	case nats && len(c.NATS.URLs) == 0:
		l.failAt(c, "transport.type", "transport.nats.url is empty, expected the URL of at least one NATS server with transport.type = nats")
	case !nats && slices.Contains(c.Cluster.Strategies, viaTransport):
		l.failAt(c, strategyKey, "cluster.discovery_strategy names transport, which needs transport.type = nats")
	case (c.NATS.CertFile == "") != (c.NATS.KeyFile == ""):
		path := "transport.nats.tls.certfile"
		if c.NATS.CertFile == "" {
			path = "transport.nats.tls.keyfile"
		}
		l.failAt(c, path, "transport.nats.tls has one of certfile and keyfile, expected both or none")
	case !nats && len(c.NATS.URLs) > 0:
		l.warn("transport.nats.url counts with transport.type = nats")
	}
}
