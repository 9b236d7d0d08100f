package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt"
)

// group runs functions until the first of them fails.
type group struct {
	wg   sync.WaitGroup
	once sync.Once
	err  error
	stop context.CancelFunc
}

func (g *group) start(f func() error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
			g.stop()
		}
	}()
}

// run starts every part and ends them in order: the clients first, then the
// node, which says good-bye to its peers, then the plugins. The admin socket
// stays until close: who sees it gone may start the node again.
func (d *daemon) run(ctx context.Context) error {
	front := &group{stop: d.stop}
	front.start(func() error { return d.reload(ctx) })
	front.start(func() error { return d.keepRegistered(ctx) })
	for _, l := range d.mqtt.open {
		front.start(func() error {
			if err := d.broker.Serve(ctx, l.ln, l.opts); !errors.Is(err, mqtt.ErrClosed) {
				return err
			}
			return nil
		})
	}
	nodeCtx, stopNode := context.WithCancel(context.WithoutCancel(ctx))
	defer stopNode()
	mid := &group{stop: d.stop}
	mid.start(func() error { return d.node.Run(nodeCtx) })
	hostCtx, stopHosts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHosts()
	back := &group{stop: d.stop}
	for _, h := range d.hosts {
		back.start(func() error { return h.Run(hostCtx) })
	}
	d.door.stop = d.stop
	d.door.start(func() error {
		if err := d.http.Serve(d.admin); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	d.announce(ctx)
	<-ctx.Done()
	d.log.Info("stopping")
	d.hurry()
	err := d.broker.Close()
	front.wg.Wait()
	stopNode()
	mid.wg.Wait()
	stopHosts()
	back.wg.Wait()
	return errors.Join(front.err, mid.err, back.err, err)
}

// announce tells once that the node serves, and whether it is in a cluster.
func (d *daemon) announce(ctx context.Context) {
	wait := time.NewTimer(formedWait)
	defer wait.Stop()
	select {
	case <-d.node.Formed():
	case <-wait.C:
	case <-ctx.Done():
		return
	}
	d.opts.Ready(fmt.Sprintf("%s is ready: cluster port %d, MQTT %s, admin %s, %s",
		d.id.name, d.id.port, d.mqtt, d.admin.Addr(), d.clusterState()))
}

func (d *daemon) clusterState() string {
	c := d.node.Cluster()
	if c.IsZero() {
		return "in no cluster yet, still looking for other nodes"
	}
	running := 0
	for _, m := range d.node.Members() {
		if m.State == core.Alive {
			running++
		}
	}
	if running == 1 {
		return fmt.Sprintf("cluster %s: alone so far", d.conf.Cluster.Name)
	}
	return fmt.Sprintf("cluster %s: %d nodes", d.conf.Cluster.Name, running)
}
