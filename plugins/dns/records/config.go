package records

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/dns/resolver"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "name": {
      "description": "The name whose records are the nodes.",
      "type": "string", "default": "localhost", "minLength": 1, "maxLength": 254
    },
    "record_type": {
      "description": "a, aaaa or srv. Not given: a and aaaa together.",
      "enum": ["a", "aaaa", "srv"]
    },
    "app": {
      "description": "What the nodes are named before @, if it is the same for all.",
      "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 63
    },
    "server": {
      "description": "system, or the IP address of a name server, with or without a port.",
      "type": "string", "default": "system"
    }
  }
}`

const (
	localhost  = "localhost"
	system     = "system"
	serverPort = 53
	maxName    = 253 // without the root's dot; RFC 1035, 2.3.4
	maxLabel   = 63
	alnum      = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// config is the subtree cluster.dns.
type config struct {
	Name       string `json:"name"`
	RecordType string `json:"record_type,omitempty"`
	App        string `json:"app,omitempty"`
	Server     string `json:"server"`

	types  []resolver.Type
	server netip.AddrPort // invalid for system
}

// decode reads and checks a configuration.
func decode(s discovery.Setup) (config, error) {
	var c config
	if err := s.Decode(&c); err != nil {
		return c, err
	}
	c.Name, c.Server = cmp.Or(c.Name, localhost), cmp.Or(c.Server, system)
	for _, check := range []struct {
		path string
		of   func() error
	}{{"name", c.checkName}, {"record_type", c.checkType}, {"app", c.checkApp}, {"server", c.checkServer}} {
		if err := check.of(); err != nil {
			return c, discovery.InvalidConfig(check.path, "%v", err)
		}
	}
	return c, nil
}

func (c *config) checkName() error {
	if _, err := netip.ParseAddr(c.Name); err == nil {
		return fmt.Errorf("%s is an address, and this strategy looks names up; the strategy static takes addresses", c.Name)
	}
	if !isName(strings.TrimSuffix(c.Name, ".")) {
		return fmt.Errorf("%q is no domain name: parts of 1 to %d letters, digits, - and _, with dots between them, %d characters at most",
			c.Name, maxLabel, maxName)
	}
	return nil
}

// isName reports whether s is a name that a node may have, without the root's
// dot.
func isName(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || len(part) > maxLabel || strings.Trim(part, alnum+"-_") != "" {
			return false
		}
	}
	return len(s) <= maxName
}

func (c *config) checkType() error {
	c.RecordType = strings.ToLower(c.RecordType)
	switch c.RecordType {
	case "":
		c.types = []resolver.Type{resolver.A, resolver.AAAA}
	case "a":
		c.types = []resolver.Type{resolver.A}
	case "aaaa":
		c.types = []resolver.Type{resolver.AAAA}
	case "srv":
		c.types = []resolver.Type{resolver.SRV}
	default:
		return fmt.Errorf("%q is none of a, aaaa and srv", c.RecordType)
	}
	return nil
}

func (c *config) checkApp() error {
	if len(c.App) > maxLabel || strings.Trim(c.App, alnum+"-_") != "" {
		return fmt.Errorf("%q: what is before the @ of a node's name has letters, digits, - and _, %d at most", c.App, maxLabel)
	}
	return nil
}

func (c *config) checkServer() error {
	if strings.EqualFold(c.Server, system) {
		c.Server = system
		return nil
	}
	var err error
	if c.server, err = netip.ParseAddrPort(c.Server); err != nil {
		addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(c.Server, "["), "]"))
		if err != nil || strings.Contains(addr.Zone(), "]") {
			return fmt.Errorf("%q is neither system nor the IP address of a name server, with or without a port", c.Server)
		}
		c.server = netip.AddrPortFrom(addr, serverPort)
	}
	if c.server.Port() == 0 || c.server.Addr().IsUnspecified() || c.server.Addr().IsMulticast() {
		return errors.New("no name server has this address or port")
	}
	c.Server = c.server.String()
	return nil
}

// local reports whether the name means this machine (RFC 6761, 6.3). Name
// servers are not asked for it.
func (c *config) local() bool {
	name := strings.ToLower(strings.TrimSuffix(c.Name, "."))
	return len(c.types) > 0 && c.types[0] != resolver.SRV && (name == localhost || strings.HasSuffix(name, "."+localhost))
}

// normal is the configuration as understood.
func (c *config) normal() json.RawMessage {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil // texts always marshal
	}
	return raw
}
