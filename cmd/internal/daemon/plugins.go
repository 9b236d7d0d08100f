package daemon

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/core/admin"
	"github.com/muster-mqtt/muster/core/node"
	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// manual is a strategy that has no plugin, as is node.StrategyTransport.
const manual = "manual"

// openPlugins makes a host for each strategy; none is started yet.
func (d *daemon) openPlugins() error {
	for _, strategy := range d.conf.Cluster.Strategies {
		if strategy == manual || strategy == node.StrategyTransport {
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
		RegisterTTL: nodeTTL(d.conf.Cluster.PluginConfig[strategy]),
		Rand:        d.newRand(),
	}
}

// The lifetimes of an entry that a node asks a backend for.
const (
	minNodeTTL = time.Second
	maxNodeTTL = 24 * time.Hour
)

// nodeTTL is node_ttl of a strategy's configuration, a duration as text; 0 if
// there is none, or, with a plugin of somebody else, one that means something
// else.
func nodeTTL(config json.RawMessage) time.Duration {
	var c struct {
		NodeTTL any `json:"node_ttl"`
	}
	if json.Unmarshal(config, &c) != nil {
		return 0
	}
	text, _ := c.NodeTTL.(string)
	ttl, err := time.ParseDuration(text)
	if err != nil || ttl < minNodeTTL || ttl > maxNodeTTL {
		return 0
	}
	return ttl
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
