package daemon

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core"
)

// minCookie is the length, in characters, under which a cookie can be guessed
// by somebody who has listened in.
const minCookie = 22

// identity is what a node is called and where others find it.
type identity struct {
	name core.NodeID
	port int
}

// identify completes the name and derives the port (CONTRACT, section 2).
func identify(c *config.Config) (identity, error) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	text := config.NodeName(nameOptions(c, host))
	name, err := core.ParseNodeID(text)
	if err != nil {
		return identity{}, err
	}
	id := identity{name: name, port: c.Node.Port}
	if id.port == 0 {
		id.port = core.BasePort
		if strings.Contains(c.Node.Name, "@") {
			id.port += name.PortOffset()
		}
	}
	return id, nil
}

// advertise is the address that other nodes dial.
func (i identity) advertise(port int) string {
	return net.JoinHostPort(i.name.Host(), strconv.Itoa(port))
}

// machineAddrs returns the addresses of this machine, in the system's order.
func machineAddrs() (out []netip.Addr) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}

// loopback reports whether a host:port, or a host, is one of this machine
// alone.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// warnCookie warns of a cookie that is too short for a network.
func warnCookie(log *slog.Logger, cookie config.Secret, id identity) {
	if len(cookie) < minCookie && !loopback(id.name.Host()) {
		log.Warn("the cookie is short: who listens in may guess it; remove node.cookie to have one made, and copy ~/.muster.cookie to every node",
			"characters", len(cookie), "wanted", minCookie)
	}
}
