package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/epmd"
	"github.com/muster-mqtt/muster/transport/tcp"
)

// tlsDialTimeout bounds a dial until its verified hello with TLS, which takes
// two more ways there and back than without.
const tlsDialTimeout = 2 * time.Second

// openTransport opens the cluster port.
func (d *daemon) openTransport() (err error) {
	o, err := d.portOptions()
	if err != nil {
		return err
	}
	if d.mapper, err = mapper(d.opts.Environ); err != nil {
		return err
	}
	d.tr, err = tcp.Listen(o)
	switch {
	case errors.Is(err, tcp.ErrPortInUse) && d.conf.Node.Mapped() && d.conf.Node.Port == 0:
		return fmt.Errorf("%w: widen node.dist_listen_min and node.dist_listen_max, or set node.port", err)
	case errors.Is(err, tcp.ErrPortInUse):
		return fmt.Errorf("port %d is in use: stop what listens there, or set node.port", o.Ports[0])
	case err != nil:
		return fmt.Errorf("node.bind = %s, port %d: %w: set node.bind to an address of this machine", d.conf.Node.Bind, o.Ports[0], reason(err))
	}
	d.later(d.tr.Close)
	_, port, err := net.SplitHostPort(d.tr.Addr())
	if err != nil {
		return err
	}
	d.id.port, err = strconv.Atoi(port)
	d.rememberPort()
	return err
}

// portOptions are what the configuration says of the cluster port.
func (d *daemon) portOptions() (o tcp.Options, err error) {
	n := d.conf.Node
	o = tcp.Options{Bind: n.Bind, Ports: []int{d.id.port}, IPv6: n.IPv6(), Logger: d.log}
	if n.IPv6() && o.Bind == "0.0.0.0" {
		o.Bind = "::"
	}
	if n.Mapped() && n.Port == 0 {
		o.Ports = d.portRange()
	}
	if !n.TLS() {
		return o, nil
	}
	d.tls, err = tcp.NewTLS(tcp.TLSOptions{
		CertFile: n.SSL.CertFile, KeyFile: n.SSL.KeyFile, CAFile: n.SSL.CACertFile, TrustAnybody: !n.SSL.VerifyPeer,
		Host: d.id.name.Host(),
	})
	if err != nil {
		return o, fmt.Errorf("node.ssl_dist: %w", err)
	}
	if !n.SSL.VerifyPeer {
		d.log.Warn("node.ssl_dist.verify = none: links between nodes are encrypted, but only the cookie says who is at their other end")
	}
	o.TLS = d.tls
	return o, nil
}

// portFile remembers, within the data directory, which port of the range was
// taken: those who remember the node find it there after a restart.
const portFile = "cluster_port"

// portRange is the order in which the ports of the range are tried: the last
// one first.
func (d *daemon) portRange() (ports []int) {
	lo, hi := d.conf.Node.ListenMin, d.conf.Node.ListenMax
	for p := lo; p <= hi; p++ {
		ports = append(ports, p)
	}
	text, err := os.ReadFile(filepath.Join(d.dir.Path(), portFile))
	if err != nil {
		return ports
	}
	if last, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && last >= lo && last <= hi {
		ports = slices.Insert(slices.Delete(ports, last-lo, last-lo+1), 0, last)
	}
	return ports
}

func (d *daemon) rememberPort() {
	if !d.conf.Node.Mapped() {
		return
	}
	text := strconv.Itoa(d.id.port) + "\n"
	if err := os.WriteFile(filepath.Join(d.dir.Path(), portFile), []byte(text), 0o600); err != nil {
		d.log.Warn("the cluster port is not remembered", "error", err)
	}
}

// mapper is the client of port mappers; ERL_EPMD_PORT moves them, as it does
// Erlang's own.
func mapper(environ []string) (c epmd.Client, err error) {
	for _, v := range environ {
		if text, ok := strings.CutPrefix(v, "ERL_EPMD_PORT="); ok && text != "" {
			if c.Port, err = strconv.Atoi(text); err != nil || c.Port < 1 || c.Port > 65535 {
				return c, fmt.Errorf("environment ERL_EPMD_PORT: found %q, expected a port from 1 to 65535", text)
			}
		}
	}
	return c, nil
}

// port is the cluster port as links are dialled and accepted there.
func (d *daemon) port() transport.Transport {
	if !d.conf.Node.Mapped() {
		return d.tr
	}
	return epmd.Wrap(d.tr, d.mapper, d.id.name.Name())
}

// keepRegistered tells the port mapper of this host where the node is, for as
// long as ctx lasts.
func (d *daemon) keepRegistered(ctx context.Context) error {
	if !d.conf.Node.Mapped() {
		return nil
	}
	c := d.mapper
	if c.Host = "127.0.0.1"; d.conf.Node.IPv6() {
		c.Host = "localhost" // mappers of Erlang listen on both
	}
	if err := c.Keep(ctx, epmd.Node{Name: d.id.name.Name(), Port: d.id.port}, d.log); err != nil {
		return fmt.Errorf("%w: stop that node of this host, or change node.name", err)
	}
	return nil
}

// certificate is the end of the certificate for other nodes, the zero time
// without one, and why they will refuse it.
func (d *daemon) certificate() (ends time.Time, problem string) {
	if d.tls == nil {
		return time.Time{}, ""
	}
	return d.tls.Until(), d.tls.Doubt()
}

// portCounters are those of the cluster port.
func (d *daemon) portCounters() []core.Count {
	port := d.tr.Stats()
	out := []core.Count{
		{Name: "cluster_connections_refused_total", Reason: "too_many_waiting", Value: port.RefusedFull},
		{Name: "cluster_connections_refused_total", Reason: "too_many_of_address", Value: port.RefusedSource},
		{Name: "cluster_accept_errors_total", Value: port.AcceptErrors},
	}
	for _, why := range tcp.Reasons() {
		out = append(out, core.Count{Name: "cluster_links_insecure_total", Reason: why, Value: port.Insecure[why]})
	}
	if ends, _ := d.certificate(); !ends.IsZero() {
		left := max(0, time.Until(ends))
		out = append(out, core.Count{Name: "cluster_certificate_seconds_left", Value: uint64(left / time.Second)})
	}
	return out
}

// nameOptions are what the name of the node is made of.
func nameOptions(c *config.Config, host string) config.NameOptions {
	return config.NameOptions{Name: c.Node.Name, Bind: c.Node.Bind, HostName: host, Addrs: machineAddrs(), IPv6: c.Node.IPv6()}
}
