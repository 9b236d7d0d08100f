package daemon

import (
	"path/filepath"
	"slices"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// manual is the strategy that has no plugin.
const manual = "manual"

// openPlugins makes a host for each strategy; none is started yet.
func (d *daemon) openPlugins() error {
	for _, strategy := range d.conf.Cluster.Strategies {
		if strategy == manual {
			continue
		}
		h, err := pluginhost.New(d.pluginOptions(strategy))
		if err != nil {
			return err
		}
		d.hosts = append(d.hosts, h)
	}
	return nil
}

func (d *daemon) pluginOptions(strategy string) pluginhost.Options {
	override := config.Plugin{}
	if i := slices.IndexFunc(d.conf.Cluster.Plugins, func(p config.Plugin) bool { return p.Strategy == strategy }); i >= 0 {
		override = d.conf.Cluster.Plugins[i]
	}
	key := d.key.Derive("discovery/" + strategy)
	return pluginhost.Options{
		Strategy: strategy, Path: override.Path, Dir: d.conf.Cluster.PluginsDir, SHA256: override.SHA256, Args: override.Args,
		RunDir: filepath.Join(d.dir.Path(), "run"), Logger: d.log,
		Config: d.conf.Cluster.PluginConfig[strategy], ClusterName: d.conf.Cluster.Name, ClusterKey: key[:],
		Self: discovery.Self{
			NodeUID: d.saved.UID.String(), Incarnation: uint64(d.saved.Incarnation), Name: string(d.id.name), Role: d.conf.Node.Role,
			Endpoints: []discovery.Endpoint{{Host: d.id.name.Host(), Port: uint16(d.id.port)}},
		},
		Rand: d.newRand(),
	}
}

// plugins is what `muster plugins` shows.
func (d *daemon) plugins() []admin.Plugin {
	var out []admin.Plugin
	for _, h := range d.hosts {
		s := h.Status()
		out = append(out, admin.Plugin{
			Strategy: s.Strategy, PID: s.PID, Version: s.Version, Path: s.Path, State: string(s.State),
			Restarts: uint64(s.Restarts), LastError: s.LastError, ErrorClass: className(s), LogDropped: s.LogDropped,
		})
	}
	return out
}
