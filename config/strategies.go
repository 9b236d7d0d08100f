package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

const (
	maxStrategies = 8
	manual        = "manual"
	static        = "static"
	strategyKey   = "cluster.discovery_strategy"
)

// shipped are the strategies whose keys are in the schema. Every other one but
// manual is a third party's, and its subtree is handed on as it is.
var shipped = []string{static, "mcast", "dns", "etcd", "k8s"}

// unbuiltStrategies are refused by name.
const unbuiltStrategies = "singleton"

// strategyKeys are those of the shipped strategies. Their values go to the
// plugin in the normal form of Cluster.PluginConfig.
func strategyKeys() []key {
	return slices.Concat(mcastKeys(), dnsKeys(), etcdKeys(), k8sKeys())
}

func mcastKeys() []key {
	return []key{
		{path: "cluster.mcast.addr", read: given(words(multicast))},
		{path: "cluster.mcast.ports", read: given(ports)},
		{path: "cluster.mcast.iface", read: given(words(interfaceName))},
		{path: "cluster.mcast.ttl", read: given(whole(0, 255))},
		{path: "cluster.mcast.loop", read: given(flag)},
		{path: "cluster.mcast.sndbuf", read: given(bytes(1, 1<<30))},
		{path: "cluster.mcast.recbuf", read: given(bytes(1, 1<<30))},
		{path: "cluster.mcast.buffer", read: given(bytes(1, 1<<30))},
	}
}

func dnsKeys() []key {
	return []key{
		{path: "cluster.dns.name", read: given(words(domain))},
		{path: "cluster.dns.record_type", optional: true, read: given(oneOf("a aaaa srv"))},
		{path: "cluster.dns.app", optional: true, read: given(words(label))},
		{path: "cluster.dns.server", read: given(words(dnsServer))},
	}
}

func etcdKeys() []key {
	return []key{
		{path: "cluster.etcd.server", read: given(listOf(url("http https")))},
		{path: "cluster.etcd.prefix", read: given(words(filled))},
		{path: "cluster.etcd.node_ttl", read: given(span(time.Second, 24*time.Hour))},
		{path: "cluster.etcd.username", optional: true, read: given(words(filled))},
		{path: "cluster.etcd.password", optional: true, secret: true, read: given(words(filled))},
		{path: "cluster.etcd.ssl.enable", read: given(flag)},
		{path: "cluster.etcd.ssl.cacertfile", optional: true, read: given(words(filled))},
		{path: "cluster.etcd.ssl.certfile", optional: true, read: given(words(filled))},
		{path: "cluster.etcd.ssl.keyfile", optional: true, read: given(words(filled))},
		{path: "cluster.etcd.ssl.verify", read: given(words(verify))},
	}
}

func k8sKeys() []key {
	return []key{
		{path: "cluster.k8s.apiserver", read: given(words(url("http https")))},
		{path: "cluster.k8s.service_name", read: given(words(domain))},
		{path: "cluster.k8s.namespace", optional: true, read: given(words(domain))},
		{path: "cluster.k8s.address_type", read: given(oneOf("ip dns hostname"))},
		{path: "cluster.k8s.suffix", read: given(words(domain))},
		{path: "cluster.k8s.app_name", optional: true, read: given(words(label))},
		{path: "cluster.k8s.selector", optional: true, read: given(words(filled))},
		{path: "cluster.k8s.port_name", read: given(words(label))},
		{path: "cluster.k8s.tokenfile", optional: true, read: given(words(filled))},
		{path: "cluster.k8s.cacertfile", optional: true, read: given(words(filled))},
	}
}

// given hands a value of cluster.<strategy> to the plugin of that strategy.
func given(read value) reader {
	return func(t target, v *hocon.Value) error {
		x, err := read(v)
		if err != nil {
			return err
		}
		if t.c.settings == nil {
			t.c.settings = map[string]any{}
		}
		m := t.c.settings
		path := t.path[1:] // below cluster
		for _, name := range path[:len(path)-1] {
			next, ok := m[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				m[name] = next
			}
			m = next
		}
		m[path[len(path)-1]] = x
		return nil
	}
}

// strategies reads cluster.discovery_strategy.
func strategies(t target, v *hocon.Value) error {
	list, err := textList(v)
	if err != nil {
		return err
	}
	for i, s := range list {
		list[i] = strings.ToLower(s)
		if err := strategy(list[i]); err != nil {
			return err
		}
	}
	switch {
	case len(list) == 0 || len(list) > maxStrategies:
		return fmt.Errorf("found %d strategies, expected 1 to %d", len(list), maxStrategies)
	case len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list):
		return errors.New("found a strategy twice, expected each once")
	case len(list) > 1 && slices.Contains(list, manual):
		return errors.New("found manual beside another strategy, expected it alone")
	}
	t.c.Cluster.Strategies = list
	return nil
}

// strategy checks a name, which becomes part of the plugin's file name and a
// key under cluster.
func strategy(s string) error {
	ok := func(r rune) bool { return r == '-' || r == '_' || isAlnum(r) }
	switch {
	case isWord(s, unbuiltStrategies):
		return fmt.Errorf("%s: %w", s, ErrNotBuilt)
	case s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return !ok(r) }):
		return fmt.Errorf("found %s, expected the name of a strategy", short(s))
	case ours(s):
		return nil
	}
	if newSchema().at("cluster").child(s) != nil {
		return fmt.Errorf("found %s, which is a key under cluster, expected the name of a strategy", short(s))
	}
	return nil
}

// warnMisspelt tells of a strategy that is nobody's but nearly one of ours. It
// may be a third party's: it is looked for all the same.
func (l *loader) warnMisspelt(c *Config) {
	for _, name := range c.Cluster.Strategies {
		override := slices.ContainsFunc(c.Cluster.Plugins, func(p Plugin) bool { return p.Strategy == name })
		if near := nearestStrategy(name); near != "" && !override {
			l.warn("%s: cluster.discovery_strategy: muster has no strategy %s of its own, did you mean %s? A plugin muster-discovery-%s is looked for",
				c.placeOf(strategyKey), name, near, name)
		}
	}
}

// nearestStrategy returns that of ours which name is nearly, "" if it is one or
// close to none.
func nearestStrategy(name string) string {
	if ours(name) {
		return ""
	}
	for _, s := range append([]string{manual, viaTransport}, shipped...) {
		if distance(name, s) <= max(1, len(s)/3) {
			return s
		}
	}
	return ""
}

func ours(strategy string) bool {
	return strategy == manual || strategy == viaTransport || slices.Contains(shipped, strategy)
}
