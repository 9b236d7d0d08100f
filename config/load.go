package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/muster-mqtt/muster/config/hocon"
)

// Load reads a configuration. The error, if any, is Errors: all that is wrong,
// each with its place.
func Load(o Options) (*Config, error) {
	began := time.Now()
	l := newLoader(o.Environ)
	l.layers(o)
	c, err := l.config()
	if err == nil {
		c.stamp = stampSince(c.files, began)
	}
	return c, err
}

func newLoader(environ []string) *loader {
	l := &loader{
		environ: environMap(environ), prefix: defaultPrefix, schema: newSchema(),
		tree: &hocon.Tree{}, effective: koanf.New(hocon.Delim),
	}
	if p := l.environ[prefixName]; p != "" {
		l.prefix = p
	}
	return l
}

// config makes one configuration of the layers.
func (l *loader) config() (*Config, error) {
	if err := l.err(); err != nil {
		return nil, err
	}
	v, err := l.tree.Resolve(l.getenv)
	if err != nil {
		return nil, Errors{err}
	}
	c := l.read(v)
	l.warnIgnored()
	c.certNames()
	c.files = slices.Concat(l.files, c.named())
	c.Warnings = bounded(l.warns, func(n int) string { return fmt.Sprintf("and %d more warnings", n) })
	if err := l.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// read fills a Config from the resolved values.
func (l *loader) read(v *hocon.Value) *Config {
	c := &Config{}
	defaults, err := l.defaults()
	if err == nil {
		v = v.Over(defaults) // what a null took away in between
		err = l.effective.Load(hocon.Provider{Value: v}, nil)
	}
	if err != nil {
		l.fail(err)
		return c
	}
	v = wake(v)
	if s := v.Get("cluster", "discovery_strategy"); s != nil && strategies(target{c: c}, s) == nil {
		for _, name := range c.Cluster.Strategies {
			if !ours(name) {
				l.schema.at("cluster." + name).whole = true
			}
		}
	}
	w := &walker{loader: l, c: c, defaults: defaults}
	w.object(l.schema, v, place{})
	slices.SortStableFunc(l.errs, byPlace)
	c.Listeners = slices.DeleteFunc(c.Listeners, func(x Listener) bool { return x.Kind != tcpListener && !x.Enable })
	slices.SortFunc(c.Listeners, func(a, b Listener) int { return strings.Compare(a.Path(), b.Path()) })
	slices.SortFunc(c.Cluster.Plugins, func(a, b Plugin) int { return strings.Compare(a.Strategy, b.Strategy) })
	slices.SortFunc(c.entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	if len(l.errs) == 0 {
		l.across(c)
		l.plugins(c)
	}
	return c
}

// wake switches on the ssl, ws and wss listeners of which any key is set: that
// of reference.conf is off so that it opens nothing, not because anybody asked.
func wake(v *hocon.Value) *hocon.Value {
	for _, kind := range listenerKinds[1:] {
		entries := v.Get("listeners", kind)
		if entries == nil {
			continue
		}
		for _, m := range entries.Members() {
			on := m.Value.Get("enable")
			if m.Value.Kind() != hocon.Object || on != nil && (on.Origin().Name != referenceName || !touched(m.Value)) {
				continue
			}
			path := []string{"listeners", kind, m.Key, "enable"}
			if t, err := hocon.Literal("default", path, "on").Resolve(nil); err == nil {
				v = t.Over(v)
			}
		}
	}
	return v
}

// touched tells whether any part of v is not from reference.conf.
func touched(v *hocon.Value) bool {
	for _, m := range v.Members() {
		if touched(m.Value) {
			return true
		}
	}
	return v.Kind() != hocon.Object && v.Origin().Name != referenceName
}

// defaults are the values of reference.conf alone.
func (l *loader) defaults() (*hocon.Value, error) {
	t, err := hocon.Parse(referenceName, reference, hocon.Options{})
	if err != nil {
		return nil, err
	}
	return t.Resolve(nil)
}

// across checks what several keys must agree on.
func (l *loader) across(c *Config) {
	if c.MQTT.MaxQueueBytes < c.MQTT.MaxPacketSize {
		l.failAt(c, "mqtt.max_queue_bytes", fmt.Sprintf("mqtt.max_queue_bytes is %d, expected at least mqtt.max_packet_size, %d", c.MQTT.MaxQueueBytes, c.MQTT.MaxPacketSize))
	}
	l.transport(c)
	l.dist(c)
	etcd, _ := c.settings["etcd"].(map[string]any)
	if servers, _ := etcd["server"].([]string); slices.Contains(c.Cluster.Strategies, "etcd") && len(servers) == 0 {
		l.failAt(c, strategyKey, "cluster.etcd.server is empty, expected the URL of at least one server of the strategy etcd")
	}
	l.warnMisspelt(c)
}

// plugins makes the JSON that each strategy's plugin is configured with.
func (l *loader) plugins(c *Config) {
	c.Cluster.PluginConfig = map[string]json.RawMessage{}
	for _, name := range c.Cluster.Strategies {
		var subtree any = c.settings[name]
		switch {
		case name == manual, name == viaTransport:
			continue
		case name == static:
			subtree = map[string]any{"seeds": c.Cluster.Seeds}
		case !ours(name):
			subtree = l.effective.Cut("cluster" + hocon.Delim + name).Raw()
		}
		text, err := json.Marshal(subtree)
		if err != nil {
			l.fail(errors.New("cluster." + name + ": " + err.Error()))
		}
		c.Cluster.PluginConfig[name] = text
	}
}
