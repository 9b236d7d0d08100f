package registry

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/muster-mqtt/muster/discovery"
)

// Bounds and defaults of the configuration.
const (
	maxServers    = 32
	maxPrefix     = 256 // bytes
	defaultPrefix = "mustercl"
	defaultPort   = "2379"
	minTTL        = time.Second // etcd counts leases in whole seconds
	maxTTL        = 24 * time.Hour
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["server"],
  "properties": {
    "server": {
      "description": "URLs of etcd servers, http or https, all of one kind. A list, or text with commas.",
      "oneOf": [
        {"type": "array", "minItems": 1, "maxItems": 32, "items": {"type": "string", "minLength": 1}},
        {"type": "string", "minLength": 1}
      ]
    },
    "prefix": {"type": "string", "default": "mustercl", "description": "What all keys begin with, after a slash."},
    "node_ttl": {"type": "string", "description": "How long an entry outlives its node, 1s to 24h, such as 1m."},
    "username": {"type": "string"},
    "password": {"type": "string"},
    "ssl": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "enable": {"type": "boolean", "default": false, "description": "TLS also where a URL says http."},
        "cacertfile": {"type": "string"},
        "certfile": {"type": "string"},
        "keyfile": {"type": "string"},
        "verify": {"enum": ["peer", "none"], "default": "peer"}
      }
    }
  }
}`

// config is the subtree cluster.etcd.
type config struct {
	Server   list   `json:"server"`
	Prefix   string `json:"prefix"`
	NodeTTL  string `json:"node_ttl,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	SSL      ssl    `json:"ssl"`
}

// list is a JSON list of texts, or one text with commas.
type list []string

var _ json.Unmarshaler = (*list)(nil)

// UnmarshalJSON reads both forms.
func (l *list) UnmarshalJSON(raw []byte) error {
	*l = nil
	var text string
	if json.Unmarshal(raw, &text) == nil {
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*l = append(*l, item)
			}
		}
		return nil
	}
	var items []any
	if json.Unmarshal(raw, &items) != nil {
		return discovery.InvalidConfig("server", "want a list, or text with commas")
	}
	for i, item := range items {
		text, ok := item.(string)
		if text = strings.TrimSpace(text); !ok || text == "" {
			return discovery.InvalidConfig(at(i), "want a URL such as http://host:2379")
		}
		*l = append(*l, text)
	}
	return nil
}

func at(i int) string { return fmt.Sprintf("server[%d]", i) }

// settings are a configuration that was found to be good.
type settings struct {
	config
	endpoints []string // scheme://host:port, all of one scheme
	secure    bool
	ttl       time.Duration // 0: what the host asks for
	warnings  []string
}

// read checks a whole configuration and fills in what is not said.
func read(s discovery.Setup) (settings, error) {
	c := settings{config: config{Prefix: defaultPrefix, SSL: ssl{Verify: verifyPeer}}}
	if err := s.Decode(&c.config); err != nil {
		return settings{}, err
	}
	for _, step := range []func() error{c.readServers, c.readPrefix, c.readTTL, c.readUser, c.readSSL} {
		if err := step(); err != nil {
			return settings{}, err
		}
	}
	return c, nil
}

func (c *settings) readServers() error {
	if len(c.Server) == 0 || len(c.Server) > maxServers {
		return discovery.InvalidConfig("server", "found %d URLs, want 1 to %d", len(c.Server), maxServers)
	}
	scheme := ""
	for i, text := range c.Server {
		endpoint, err := readServer(text, c.SSL.Enable)
		if err != nil {
			return discovery.InvalidConfig(at(i), "%v", err)
		}
		if scheme != "" && endpoint.Scheme != scheme {
			return discovery.InvalidConfig(at(i), "%s beside %s: all servers of one etcd take one or the other", endpoint.Scheme, scheme)
		}
		scheme = endpoint.Scheme
		c.endpoints = append(c.endpoints, endpoint.String())
	}
	c.secure = scheme == "https"
	return nil
}

// readServer returns the URL reduced to scheme, host and port. Its errors say
// nothing of the text, which may hold a password.
func readServer(text string, secure bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("not a URL such as http://host:%s", defaultPort)
	case u.User != nil:
		return nil, fmt.Errorf("a URL here has no user: write username and password beside it")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("a URL here ends after the port")
	}
	host, port := u.Hostname(), u.Port()
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) || r == ' ' }) {
		return nil, fmt.Errorf("the host is missing or no name of a host")
	}
	if port == "" {
		port = defaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("the port is not a number from 1 to 65535")
	}
	if secure {
		u.Scheme = "https"
	}
	return &url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(host, port)}, nil
}

func (c *settings) readPrefix() error {
	c.Prefix = strings.Trim(c.Prefix, "/")
	bad := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if c.Prefix == "" || len(c.Prefix) > maxPrefix || strings.ContainsFunc(c.Prefix, bad) {
		return discovery.InvalidConfig("prefix", "want 1 to %d printable characters beside slashes at its ends", maxPrefix)
	}
	return nil
}

func (c *settings) readTTL() error {
	if c.NodeTTL == "" {
		return nil
	}
	ttl, err := time.ParseDuration(c.NodeTTL)
	if err != nil || ttl < minTTL || ttl > maxTTL {
		return discovery.InvalidConfig("node_ttl", "found %q, want a duration from %v to %v", c.NodeTTL, minTTL, maxTTL)
	}
	c.ttl = ttl
	return nil
}

func (c *settings) readUser() error {
	switch {
	case c.Username == "" && c.Password != "":
		return discovery.InvalidConfig("username", "is missing beside the password")
	case c.Username != "" && c.Password == "":
		return discovery.InvalidConfig("password", "is missing beside the username")
	case c.Username != "" && !c.secure:
		c.warnings = append(c.warnings, "the password goes to etcd without encryption: use https")
	}
	return nil
}

// normal is the configuration as understood, without the password.
func (c *settings) normal() json.RawMessage {
	shown := c.config
	shown.Server, shown.Password = c.endpoints, ""
	if c.ttl > 0 {
		shown.NodeTTL = c.ttl.String()
	}
	raw, err := json.Marshal(shown)
	if err != nil {
		return nil // texts and a switch always marshal
	}
	return raw
}
