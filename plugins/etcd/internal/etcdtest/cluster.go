package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
	"github.com/muster-mqtt/muster/discovery/discoverytest/wire"
)

// Options describe an etcd cluster.
type Options struct {
	Dir     string // for the data; empty at first
	Members int    // 1 to 7; 0 is 1
	TLS     transport.TLSInfo
}

// Cluster is an etcd cluster in this process.
type Cluster struct {
	o       Options
	members []*member
}

type member struct {
	name string
	peer string // URL
	wire *wire.Wire
	etcd *embed.Etcd // nil while stopped
}

// ready bounds the start of a member and every question of a test.
const ready = 20 * time.Second

// Start starts a cluster and returns when it has a leader.
func Start(o Options) (*Cluster, error) {
	o.Members = max(o.Members, 1)
	c := &Cluster{o: o}
	err := c.plan()
	if err == nil {
		err = c.startAll()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// plan gives each member a wire and, where there are several, a port for the
// others, which it keeps: etcd does not tell the one that it would take.
func (c *Cluster) plan() error {
	for i := range c.o.Members {
		w, err := wire.New()
		if err != nil {
			return err
		}
		m := &member{name: fmt.Sprint("m", i), peer: "http://127.0.0.1:0", wire: w}
		c.members = append(c.members, m)
		if c.o.Members > 1 {
			port, err := ports.Port()
			if err != nil {
				return err
			}
			m.peer = fmt.Sprintf("http://127.0.0.1:%d", port)
		}
	}
	return nil
}

// startAll starts the members at once: none gets ready without the others.
func (c *Cluster) startAll() error {
	failed := make(chan error, len(c.members))
	for i := range c.members {
		go func() { failed <- c.Restart(i) }()
	}
	var err error
	for range c.members {
		err = errors.Join(err, <-failed)
	}
	return err
}

// Restart starts a member that is stopped, with the data that it has.
func (c *Cluster) Restart(i int) error {
	m := c.members[i]
	cfg, err := c.config(m)
	if err != nil {
		return err
	}
	if m.etcd, err = embed.StartEtcd(cfg); err != nil {
		return err
	}
	select {
	case <-m.etcd.Server.ReadyNotify():
	case <-time.After(ready):
		return fmt.Errorf("member %s is not ready within %v", m.name, ready)
	}
	m.wire.Connect(m.etcd.Clients[0].Addr().String())
	return nil
}

func (c *Cluster) config(m *member) (*embed.Config, error) {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = m.name, filepath.Join(c.o.Dir, m.name)
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.TickMs, cfg.ElectionMs = 10, 100
	cfg.UnsafeNoFsync = true
	cfg.BcryptCost = 4
	cfg.ClientTLSInfo = c.o.TLS
	for _, x := range []struct {
		list *[]url.URL
		text string
	}{
		{&cfg.ListenClientUrls, c.scheme() + "://127.0.0.1:0"}, {&cfg.AdvertiseClientUrls, c.scheme() + "://" + m.wire.Addr()},
		{&cfg.ListenPeerUrls, m.peer}, {&cfg.AdvertisePeerUrls, m.peer},
	} {
		u, err := url.Parse(x.text)
		if err != nil {
			return nil, err
		}
		*x.list = []url.URL{*u}
	}
	var initial []string
	for _, x := range c.members {
		initial = append(initial, x.name+"="+x.peer)
	}
	cfg.InitialCluster = strings.Join(initial, ",")
	return cfg, nil
}

func (c *Cluster) scheme() string {
	if c.o.TLS.Empty() {
		return "http"
	}
	return "https"
}

// Stop ends a member in order; what it has stays.
func (c *Cluster) Stop(i int) {
	if m := c.members[i]; m.etcd != nil {
		m.etcd.Close()
		m.etcd = nil
	}
}

// Wire is what is in front of a member.
func (c *Cluster) Wire(i int) *wire.Wire { return c.members[i].wire }

// Endpoints are the URLs of all members, through their wires.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, m := range c.members {
		out = append(out, c.scheme()+"://"+m.wire.Addr())
	}
	return out
}

// Leader is the number of the member that leads, or -1.
func (c *Cluster) Leader() int {
	for i, m := range c.members {
		if m.etcd != nil && m.etcd.Server.Leader() == m.etcd.Server.MemberID() {
			return i
		}
	}
	return -1
}

// Client is a client of the members themselves, not through their wires; ""
// is no user.
func (c *Cluster) Client(user, password string) (*clientv3.Client, error) {
	cfg := clientv3.Config{Username: user, Password: password, DialTimeout: ready, Logger: zap.NewNop()}
	for _, m := range c.members {
		if m.etcd != nil {
			cfg.Endpoints = append(cfg.Endpoints, c.scheme()+"://"+m.etcd.Clients[0].Addr().String())
		}
	}
	if !c.o.TLS.Empty() {
		tls, err := c.o.TLS.ClientConfig()
		if err != nil {
			return nil, err
		}
		cfg.TLS = tls
	}
	return clientv3.New(cfg)
}

// Close ends everything.
func (c *Cluster) Close() {
	for i, m := range c.members {
		_ = m.wire.Close()
		c.Stop(i)
	}
}

// As runs f with a client of a user, and closes it.
func (c *Cluster) As(user, password string, f func(ctx context.Context, c *clientv3.Client) error) error {
	client, err := c.Client(user, password)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	return f(ctx, client)
}
