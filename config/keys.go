package config

import (
	"math"
	"time"
)

// key is one setting: where it is, and how its value is read. A * in the path
// stands for a name that the operator chooses.
type key struct {
	path     string
	read     reader
	optional bool // null is a value: not set
	secret   bool // never shown, not even in an error
}

// forever is the longest time.Duration.
const forever = time.Duration(math.MaxInt64)

func keys() []key {
	return append(append(nodeKeys(), clusterKeys()...), brokerKeys()...)
}

func nodeKeys() []key {
	return []key{
		{path: "node.name", optional: true, read: text(func(t target) *string { return &t.c.Node.Name }, nodeName)},
		{path: "node.cookie", optional: true, secret: true, read: text(func(t target) *string { return (*string)(&t.c.Node.Cookie) }, cookieText)},
		{path: "node.data_dir", read: text(func(t target) *string { return &t.c.Node.DataDir }, filled)},
		{path: "node.port", optional: true, read: number(func(t target) *int { return &t.c.Node.Port }, 1, 65535)},
		{path: "node.bind", read: text(func(t target) *string { return &t.c.Node.Bind }, address)},
		{path: "node.role", read: choice(func(t target) *string { return &t.c.Node.Role }, "core", "replicant")},
		{path: "node.proto_dist", read: choice(func(t target) *string { return &t.c.Node.ProtoDist }, "inet_tcp inet6_tcp", "inet_tls inet6_tls")},
		{path: "node.port_mapping", read: choice(func(t target) *string { return &t.c.Node.PortMap }, "offset", "epmd")},
	}
}

func clusterKeys() []key {
	return []key{
		{path: "cluster.name", read: text(func(t target) *string { return &t.c.Cluster.Name }, label)},
		{path: "cluster.datacenter", read: text(func(t target) *string { return &t.c.Cluster.Datacenter }, label)},
		{path: "cluster.discovery_strategy", read: strategies},
		{path: "cluster.static.seeds", read: texts(func(t target) *[]string { return &t.c.Cluster.Seeds })},
		{path: "cluster.join", read: texts(func(t target) *[]string { return &t.c.Cluster.Join })},
		{path: "cluster.bootstrap_expect", read: number(func(t target) *int { return &t.c.Cluster.BootstrapExpect }, 0, 1000)},
		{path: "cluster.form_after", read: duration(func(t target) *time.Duration { return &t.c.Cluster.FormAfter }, time.Millisecond, time.Hour)},
		{path: "cluster.rejoin_after_leave", read: onOff(func(t target) *bool { return &t.c.Cluster.RejoinAfter })},
		{path: "cluster.autoclean", read: autoclean},
		{path: "cluster.autoheal", read: autoheal},
		{path: "cluster.partition_policy", read: choice(func(t target) *string { return &t.c.Cluster.PartitionPolicy }, "serve", "pause_minority")},
		{path: "cluster.plugins.dir", optional: true, read: text(func(t target) *string { return &t.c.Cluster.PluginsDir }, filled)},
		{path: "cluster.plugins.*.path", optional: true, read: text(func(t target) *string { return &t.plugin().Path }, filled)},
		{path: "cluster.plugins.*.sha256", optional: true, read: text(func(t target) *string { return &t.plugin().SHA256 }, sha256Text)},
		{path: "cluster.plugins.*.args", read: texts(func(t target) *[]string { return &t.plugin().Args })},
	}
}

func brokerKeys() []key {
	return []key{
		{path: "publish.ack", read: choice(func(t target) *string { return &t.c.PublishAck }, "accepted local", "replicated")},
		{path: "subscribe.visibility", read: choice(func(t target) *string { return &t.c.SubscribeVisibility }, "cluster local", "")},
		{path: "session.store", read: choice(func(t target) *string { return &t.c.SessionStore }, "memory", "local")},
		{path: "transport.type", read: choice(func(t target) *string { return &t.c.Transport }, "tcp", "nats")},
		{path: "listeners.tcp.*.bind", read: text(func(t target) *string { return &t.listener().Bind }, hostPort)},
		{path: "listeners.tcp.*.max_connections", read: number(func(t target) *int { return &t.listener().MaxConnections }, 1, 1_000_000)},
		{path: "listeners.tcp.*.enable", read: onOff(func(t target) *bool { return &t.listener().Enable })},
		{path: "listeners.tcp.*.allow_anonymous", read: onOff(func(t target) *bool { return &t.listener().AllowAnonymous })},
		{path: "mqtt.max_packet_size", read: size(func(t target) *int { return &t.c.MQTT.MaxPacketSize }, 1000, 268_435_460)},
		{path: "mqtt.max_clientid_length", read: number(func(t target) *int { return &t.c.MQTT.MaxClientIDLength }, 23, 65535)},
		{path: "mqtt.max_sessions", read: number(func(t target) *int { return &t.c.MQTT.MaxSessions }, 1, 10_000_000)},
		{path: "mqtt.max_subscriptions", read: number(func(t target) *int { return &t.c.MQTT.MaxSubscriptions }, 1, 1_000_000)},
		{path: "mqtt.max_inflight", read: number(func(t target) *int { return &t.c.MQTT.MaxInflight }, 1, 65535)},
		{path: "mqtt.max_queue_length", read: number(func(t target) *int { return &t.c.MQTT.MaxQueueLength }, 1, 1_000_000)},
		{path: "mqtt.max_queue_bytes", read: size(func(t target) *int { return &t.c.MQTT.MaxQueueBytes }, 1000, 1<<30)},
		{path: "mqtt.session_expiry_interval", read: duration(func(t target) *time.Duration { return &t.c.MQTT.SessionExpiry }, 0, forever)},
		{path: "mqtt.idle_timeout", read: duration(func(t target) *time.Duration { return &t.c.MQTT.IdleTimeout }, 100*time.Millisecond, 5*time.Minute)},
		{path: "log.level", read: choice(func(t target) *string { return &t.c.Log.Level }, "debug info warn error", "")},
		{path: "log.format", read: choice(func(t target) *string { return &t.c.Log.Format }, "text json", "")},
	}
}

// templates give the keys that an entry of the operator's own naming lacks.
var templates = map[string]string{
	"listeners.tcp":   "default",
	"cluster.plugins": "static",
}

// required are the keys that a template does not give.
var required = map[string]bool{"listeners.tcp.*.bind": true}

// olderSpellings in the order in which they are taken.
var olderSpellings = []string{
	"cluster.discovery", "cluster.start_join", "cluster.retry_join", "cluster.proto_dist", "cluster.K8s",
	"mqtt.max_mqueue_len", "mqtt.max_clientid_len", "log.console.level", "log.console.formatter",
}

var newerSpellings = map[string]string{
	"cluster.discovery":     "cluster.discovery_strategy",
	"cluster.start_join":    "cluster.join",
	"cluster.retry_join":    "cluster.join",
	"cluster.proto_dist":    "node.proto_dist",
	"cluster.K8s":           "cluster.k8s",
	"mqtt.max_mqueue_len":   "mqtt.max_queue_length",
	"mqtt.max_clientid_len": "mqtt.max_clientid_length",
	"log.console.level":     "log.level",
	"log.console.formatter": "log.format",
}

// unbuilt are the keys of the contract that this version refuses, each with
// the value, if any, that asks for nothing and is let pass.
var unbuilt = map[string]string{
	"node.dist_listen_min": "", "node.dist_listen_max": "", "node.ssl_dist": "", "node.ssl_dist_optfile": "",
	"cluster.mcast": "", "cluster.dns": "", "cluster.etcd": "", "cluster.k8s": "",
	"session.fsync": "written", "session.replicas": "0",
	"transport.nats": "", "listeners.ssl": "", "listeners.ws": "", "listeners.wss": "", "listeners.tcp.*.ssl_options": "",
	"authentication": "[]", "authorization": "{}", "dashboard": "", "dns": "",
}

// unbuiltStrategies are refused by name.
const unbuiltStrategies = "mcast dns etcd k8s transport singleton"

// lacking are features of older products that muster has no key for: a
// warning, so that a configuration can be brought along.
var lacking = []string{
	"statsd", "sysmon", "alarm", "telemetry", "prometheus", "opentelemetry", "rule_engine", "bridges", "connectors",
	"actions", "sources", "gateway", "exhook", "plugins", "modules", "retainer", "delayed", "rewrite", "auto_subscribe",
	"topic_metrics", "flapping_detect", "force_gc", "force_shutdown", "conn_congestion", "overload_protection", "rpc",
	"broker", "zones", "api_key", "license", "durable_sessions", "durable_storage", "limiter", "crl_cache", "stats",
	"cluster.core_nodes", "cluster.description", "cluster.links", "cluster.prevent_overlapping_partitions",
	"node.dist_net_ticktime", "node.process_limit", "node.max_ports", "node.dist_buffer_size", "node.crash_dump_file",
	"node.global_gc_interval", "node.db_backend", "node.etc_dir", "node.broker_pool_size",
	"listeners.tcp.*.acceptors", "listeners.tcp.*.tcp_options", "listeners.tcp.*.zone", "listeners.tcp.*.mountpoint",
}
