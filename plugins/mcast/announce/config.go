package announce

import (
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/muster-mqtt/muster/discovery"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "addr": {
      "description": "The multicast group, an IPv4 or IPv6 address.",
      "type": "string", "default": "239.192.0.1"
    },
    "ports": {
      "description": "UDP ports to listen on and to announce to.",
      "type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535},
      "minItems": 1, "maxItems": 8, "default": [4369, 4370]
    },
    "iface": {
      "description": "Name or address of the network interface; 0.0.0.0 or :: is every one that can be used.",
      "type": "string", "default": "0.0.0.0"
    },
    "ttl": {
      "description": "Hops that a frame may take.",
      "type": "integer", "minimum": 0, "maximum": 255, "default": 255
    },
    "loop": {
      "description": "Whether nodes on one machine hear each other.",
      "type": "boolean", "default": true
    },
    "sndbuf": {
      "description": "The system's buffer for sending, in bytes.",
      "type": "integer", "minimum": 1, "maximum": 1073741824, "default": 16000
    },
    "recbuf": {
      "description": "The system's buffer for receiving, in bytes.",
      "type": "integer", "minimum": 1, "maximum": 1073741824, "default": 16000
    },
    "buffer": {
      "description": "The plugin's buffer for reading, in bytes; used up to 256 frames.",
      "type": "integer", "minimum": 1, "maximum": 1073741824, "default": 32000
    }
  }
}`

const (
	maxPorts  = 8
	maxBuffer = 1 << 30
)

// config is the subtree cluster.mcast; after read it is its normal form.
type config struct {
	Addr   string `json:"addr"`
	Ports  []int  `json:"ports"`
	Iface  string `json:"iface"`
	TTL    int    `json:"ttl"`
	Loop   bool   `json:"loop"`
	Sndbuf int    `json:"sndbuf"`
	Recbuf int    `json:"recbuf"`
	Buffer int    `json:"buffer"`

	addr  netip.Addr
	ports []uint16
}

// read checks a whole configuration.
func read(s discovery.Setup) (config, error) {
	c := config{
		Addr: "239.192.0.1", Iface: "0.0.0.0", TTL: 255, Loop: true,
		Sndbuf: 16_000, Recbuf: 16_000, Buffer: 32_000,
	}
	if err := s.Decode(&c); err != nil {
		return c, err
	}
	addr, err := netip.ParseAddr(c.Addr)
	if err != nil || addr.Zone() != "" || !addr.Unmap().IsMulticast() {
		return c, discovery.InvalidConfig("addr", "%.64q is not a multicast address such as 239.192.0.1", c.Addr)
	}
	c.addr = addr.Unmap()
	c.Addr = c.addr.String()
	if err := c.readPorts(); err != nil {
		return c, err
	}
	if c.TTL < 0 || c.TTL > 255 {
		return c, discovery.InvalidConfig("ttl", "%d is not a number from 0 to 255", c.TTL)
	}
	for _, b := range []struct {
		path string
		size int
	}{{"sndbuf", c.Sndbuf}, {"recbuf", c.Recbuf}, {"buffer", c.Buffer}} {
		if b.size < 1 || b.size > maxBuffer {
			return c, discovery.InvalidConfig(b.path, "%d is not a number of bytes from 1 to %d", b.size, maxBuffer)
		}
	}
	return c, c.readIface()
}

// readPorts takes each port once.
func (c *config) readPorts() error {
	if c.Ports == nil {
		c.Ports = []int{4369, 4370}
	}
	if len(c.Ports) == 0 || len(c.Ports) > maxPorts {
		return discovery.InvalidConfig("ports", "%d ports, want 1 to %d", len(c.Ports), maxPorts)
	}
	for _, p := range c.Ports {
		if p < 1 || p > 65535 {
			return discovery.InvalidConfig("ports", "%d is not a port from 1 to 65535", p)
		}
		if !slices.Contains(c.ports, uint16(p)) {
			c.ports = append(c.ports, uint16(p))
		}
	}
	return nil
}

// readIface finds what no interface can be, and an address of the family that
// the group does not have.
func (c *config) readIface() error {
	addr, err := netip.ParseAddr(c.Iface)
	switch {
	case err != nil && (len(c.Iface) > 64 || !printable(c.Iface)):
		return discovery.InvalidConfig("iface", "%.64q is neither the name nor an address of a network interface", c.Iface)
	case err == nil && addr.IsMulticast():
		return discovery.InvalidConfig("iface", "%s is a multicast address: it belongs into addr", c.Iface)
	case err == nil && addr.IsLoopback() && !c.Loop:
		return discovery.InvalidConfig("loop", "off leaves nobody to hear on the loopback interface %s", c.Iface)
	}
	return nil
}

func printable(s string) bool {
	return !slices.ContainsFunc([]rune(s), func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
}

// normal is the configuration as understood.
func (c config) normal() json.RawMessage {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil // it always marshals
	}
	return raw
}
