package daemon

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/core/heap"
	"github.com/muster-mqtt/muster/core/journal"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/mqtt"
	"github.com/muster-mqtt/muster/mqtt/access"
	"github.com/muster-mqtt/muster/mqtt/listen"
	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/epmd"
	"github.com/muster-mqtt/muster/transport/nats"
	"github.com/muster-mqtt/muster/transport/tcp"
)

// formedWait is how long the ready line waits for the node to be in a cluster.
const formedWait = 2 * time.Second

// Options are what a node is run with.
type Options struct {
	Config  *config.Config
	Environ []string
	Version string
	Ready   func(line string) // called once, when the node serves
	// Reload loads the configuration again, as Config was; nil: never.
	Reload func() (*config.Config, error)
	Log    io.Writer
}

// daemon is a node with everything around it. close undoes what open did, in
// the reverse order.
type daemon struct {
	opts   Options
	conf   *config.Config
	log    *slog.Logger
	level  slog.LevelVar
	id     identity
	key    wire.Key
	dir    *node.DataDir
	saved  node.Saved
	seeds  *mathrand.Rand
	tr     *tcp.Transport
	tls    *tcp.TLS            // nil without TLS between nodes
	mapper epmd.Client         // for port_mapping = epmd
	nats   *nats.Transport     // nil with transport.type = tcp
	links  transport.Transport // tr, or nats with tr for hello and probes
	hosts  []*pluginhost.Host
	node   *node.Node
	access *access.Access
	broker *mqtt.Broker
	// journal is nil with session.store = memory.
	journal *journal.Journal
	mqtt    listeners
	// live is the configuration that was loaded last. Only the reload uses it.
	live       *config.Config
	handshakes listen.Counters
	admin      net.Listener
	http       *http.Server
	door       group // serves http
	stop       context.CancelFunc
	hangup     chan os.Signal // nil: the configuration is never loaded again
	undo       []func() error
}

// Run runs a node until ctx ends, `muster stop` asks for it, or a part of it
// fails for good. Every goroutine and process of it has ended when it
// returns.
func Run(ctx context.Context, o Options) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer heap.Raise()()
	d := &daemon{opts: o, conf: o.Config, live: o.Config, stop: stop}
	defer d.heedHangup()()
	defer func() { err = errors.Join(err, d.close()) }()
	for _, open := range []func() error{
		d.openLog, d.openDir, d.openSocket, d.openJournal, d.openKey, d.openTransport, d.openLinks, d.openPlugins, d.openNode, d.openAccess, d.openBroker, d.openAdmin,
	} {
		if err := open(); err != nil {
			return err
		}
	}
	return d.run(ctx)
}

func (d *daemon) later(f func() error) { d.undo = append(d.undo, f) }

func (d *daemon) close() (err error) {
	for i := len(d.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, d.undo[i]())
	}
	return err
}

func (d *daemon) openLog() error {
	if err := d.setLevel(d.conf); err != nil {
		return err
	}
	ho := &slog.HandlerOptions{Level: &d.level}
	d.log = slog.New(slog.NewTextHandler(d.opts.Log, ho))
	if d.conf.Log.Format == "json" {
		d.log = slog.New(slog.NewJSONHandler(d.opts.Log, ho))
	}
	for _, w := range d.conf.Warnings {
		d.log.Warn("configuration: " + w)
	}
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	n := binary.LittleEndian.Uint64(seed[:])
	d.seeds = mathrand.New(mathrand.NewPCG(n, 0))
	d.log.Debug("random seed of the timers", "seed", n)
	return nil
}

// newRand gives a room random numbers of its own.
func (d *daemon) newRand() *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(d.seeds.Uint64(), d.seeds.Uint64()))
}

func (d *daemon) openDir() (err error) {
	if d.id, err = identify(d.conf); err != nil {
		return err
	}
	d.dir, d.saved, err = node.OpenDataDir(d.conf.Node.DataDir, d.id.name, d.conf.Node.Name != "", rand.Reader)
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%w: set node.data_dir to a directory that this user may write", err)
	}
	if err != nil {
		return err
	}
	d.later(d.dir.Close)
	return nil
}

func (d *daemon) openKey() error {
	cookie, _, err := config.Cookie(d.conf.Node.Cookie, d.opts.Environ)
	if err != nil {
		return err
	}
	warnCookie(d.log, cookie, d.id)
	d.key, err = wire.StretchKey(string(cookie), d.conf.Cluster.Name)
	return err
}

func (d *daemon) openNode() (err error) {
	c := d.conf
	o := node.Options{
		Saved: d.saved, Store: d.dir, ClusterName: c.Cluster.Name, Key: d.key,
		Transport: d.links, Advertise: d.advertised(), PortMapper: c.Node.Mapped(), Sources: d.sources(),
		Build: d.opts.Version, Datacenter: c.Cluster.Datacenter, Role: c.Node.Role,
		AckLocal: c.PublishAck == "local", VisibleLocal: c.SubscribeVisibility == "local",
		Form: node.Form{
			Manual: len(d.hosts) == 0 && !d.hears(), Expect: c.Cluster.BootstrapExpect, After: c.Cluster.FormAfter,
			Join: c.Cluster.Join, RejoinAfterLeave: c.Cluster.RejoinAfter,
		},
		Rand: d.newRand(), Logger: d.log, Journal: d.keeper(),
	}
	if c.Node.TLS() {
		o.DialTimeout = tlsDialTimeout
	}
	o.Membership.Autoclean = c.Cluster.Autoclean
	o.Retained.MaxMessages, o.Retained.MaxBytes = c.Retainer.MaxMessages, c.Retainer.MaxBytes
	d.node, err = node.New(o)
	return err
}

func (d *daemon) openBroker() (err error) {
	d.broker, err = mqtt.New(mqtt.Options{
		Cluster: d.node, Logger: d.log, Limits: limits(d.conf), Authenticator: d.access, Authorizer: d.access,
		Journal: d.keeper(),
	})
	if err != nil {
		return err
	}
	d.later(d.broker.Close)
	d.node.SetSessions(d.broker)
	if err := d.recover(); err != nil {
		return err
	}
	return d.openListeners()
}

func (d *daemon) openAdmin() (err error) {
	h, err := admin.New(admin.Options{
		Self: d.id.name, ClusterName: d.conf.Cluster.Name, Viewer: d.node, Operator: d.node, Plugins: d.plugins,
		Strategies: d.steered(),
		Counters:   d.counters, Certificate: d.certificate,
		Unready: d.unready, Stop: d.stop, Logger: d.log,
	})
	if err != nil {
		return err
	}
	d.http = admin.NewServer(h, d.log)
	return nil
}

// openSocket opens the admin socket, which is answered when the node runs.
func (d *daemon) openSocket() (err error) {
	if d.admin, err = admin.ListenUnix(d.conf.Node.DataDir); err != nil {
		return err
	}
	d.later(d.closeSocket)
	return nil
}

// closeSocket ends the admin API. Only the lock of the data directory goes
// after it.
func (d *daemon) closeSocket() (err error) {
	if d.http != nil {
		err = d.http.Close()
	}
	_ = d.admin.Close() // again, if it was served
	d.door.wg.Wait()
	return errors.Join(d.door.err, err)
}
