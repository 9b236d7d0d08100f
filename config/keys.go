package config

import (
	"math"
	"slices"
	"time"
)

// key is one setting: where it is, and how its value is read. A * in the path
// stands for a name that the operator chooses.
type key struct {
	path     string
	read     reader
	optional bool // null is a value: not set
	secret   bool // never shown, not even in an error
	live     bool // may change while the node runs
	// idle is why the key has no effect in this version; whoever sets it is
	// told so.
	idle string
}

// forever is the longest time.Duration.
const forever = time.Duration(math.MaxInt64)

func keys() []key {
	return slices.Concat(nodeKeys(), distKeys(), clusterKeys(), strategyKeys(), brokerKeys(), accessKeys(), listenerKeys(), otherKeys(), transportKeys())
}

func nodeKeys() []key {
	return []key{
		{path: "node.name", optional: true, read: text(func(t target) *string { return &t.c.Node.Name }, nodeName)},
		{path: "node.cookie", optional: true, secret: true, read: text(func(t target) *string { return (*string)(&t.c.Node.Cookie) }, cookieText)},
		{path: "node.data_dir", read: text(func(t target) *string { return &t.c.Node.DataDir }, filled)},
		{path: "node.port", optional: true, read: number(func(t target) *int { return &t.c.Node.Port }, 1, 65535)},
		{path: "node.bind", read: text(func(t target) *string { return &t.c.Node.Bind }, address)},
		{path: "node.role", read: choice(func(t target) *string { return &t.c.Node.Role }, "core", "replicant")},
	}
}

const (
	noHTTP = "is not served in this version: the admin API answers on muster.sock in the data directory"
)

func clusterKeys() []key {
	return []key{
		{path: "cluster.name", read: text(func(t target) *string { return &t.c.Cluster.Name }, label)},
		{path: "cluster.datacenter", read: text(func(t target) *string { return &t.c.Cluster.Datacenter }, label)},
		{path: "cluster.discovery_strategy", read: strategies},
		{path: "cluster.static.seeds", read: texts(func(t target) *[]string { return &t.c.Cluster.Seeds }, seed)},
		{path: "cluster.join", read: texts(func(t target) *[]string { return &t.c.Cluster.Join }, seed)},
		{path: "cluster.bootstrap_expect", read: number(func(t target) *int { return &t.c.Cluster.BootstrapExpect }, 0, 1000)},
		{path: "cluster.form_after", read: duration(func(t target) *time.Duration { return &t.c.Cluster.FormAfter }, time.Millisecond, time.Hour)},
		{path: "cluster.rejoin_after_leave", read: onOff(func(t target) *bool { return &t.c.Cluster.RejoinAfter })},
		{path: "cluster.autoclean", live: true, read: autoclean},
		{path: "cluster.autoheal", read: autoheal},
		{path: "cluster.partition_policy", read: choice(func(t target) *string { return &t.c.Cluster.PartitionPolicy }, "serve", "pause_minority")},
		{path: "cluster.plugins.dir", optional: true, read: text(func(t target) *string { return &t.c.Cluster.PluginsDir }, filled)},
		{path: "cluster.plugins.*.path", optional: true, read: text(func(t target) *string { return &t.plugin().Path }, filled)},
		{path: "cluster.plugins.*.sha256", optional: true, read: text(func(t target) *string { return &t.plugin().SHA256 }, sha256Text)},
		{path: "cluster.plugins.*.args", read: texts(func(t target) *[]string { return &t.plugin().Args }, filled)},
	}
}

func brokerKeys() []key {
	return []key{
		{path: "publish.ack", read: choice(func(t target) *string { return &t.c.PublishAck }, "accepted local", "replicated")},
		{path: "subscribe.visibility", read: choice(func(t target) *string { return &t.c.SubscribeVisibility }, "cluster local", "")},
		{path: "session.store", read: choice(func(t target) *string { return &t.c.SessionStore }, "local memory", "")},
		{path: "retainer.max_retained_messages", read: retainedMost(func(t target) *int { return &t.c.Retainer.MaxMessages }, maxRetained)},
		{path: "retainer.max_retained_bytes", read: size(func(t target) *int { return &t.c.Retainer.MaxBytes }, 1e6, 1<<40)},
		{path: "mqtt.max_packet_size", read: size(func(t target) *int { return &t.c.MQTT.MaxPacketSize }, 1000, 268_435_460)},
		{path: "mqtt.max_clientid_length", read: number(func(t target) *int { return &t.c.MQTT.MaxClientIDLength }, 23, 65535)},
		{path: "mqtt.max_sessions", read: most(func(t target) *int { return &t.c.MQTT.MaxSessions }, 1, 10_000_000)},
		{path: "mqtt.max_subscriptions", read: most(func(t target) *int { return &t.c.MQTT.MaxSubscriptions }, 1, 1_000_000)},
		{path: "mqtt.max_inflight", read: number(func(t target) *int { return &t.c.MQTT.MaxInflight }, 1, 65535)},
		{path: "mqtt.receive_maximum", read: number(func(t target) *int { return &t.c.MQTT.ReceiveMaximum }, 1, 65535)},
		{path: "mqtt.max_topic_alias", read: number(func(t target) *int { return &t.c.MQTT.MaxTopicAlias }, 0, 65535)},
		{path: "mqtt.max_qos_allowed", read: number(func(t target) *int { return &t.c.MQTT.MaxQoSAllowed }, 0, 2)},
		{path: "mqtt.retain_available", read: onOff(func(t target) *bool { return &t.c.MQTT.RetainAvailable })},
		{path: "mqtt.wildcard_subscription", read: onOff(func(t target) *bool { return &t.c.MQTT.Wildcards })},
		{path: "mqtt.shared_subscription", read: onOff(func(t target) *bool { return &t.c.MQTT.Shared })},
		{path: "mqtt.server_keepalive", read: serverKeepAlive},
		{path: "mqtt.response_information", read: responseInformation},
		{path: "mqtt.max_queue_length", read: most(func(t target) *int { return &t.c.MQTT.MaxQueueLength }, 1, 1_000_000)},
		{path: "mqtt.max_queue_bytes", read: size(func(t target) *int { return &t.c.MQTT.MaxQueueBytes }, 1000, 1<<30)},
		{path: "mqtt.session_expiry_interval", read: duration(func(t target) *time.Duration { return &t.c.MQTT.SessionExpiry }, 0, forever)},
		{path: "mqtt.peer_cert_as_username", live: true, read: certName(func(t target) *string { return &t.c.MQTT.PeerCertAsUsername })},
		{path: "mqtt.idle_timeout", read: duration(func(t target) *time.Duration { return &t.c.MQTT.IdleTimeout }, 100*time.Millisecond, 5*time.Minute)},
	}
}

func otherKeys() []key {
	return []key{
		{path: "session.fsync", read: fsync},
		{path: "session.replicas", read: replicas},
		{path: "dashboard.listeners.http.bind", read: checked(words(hostPort)), idle: noHTTP},
		{path: "dashboard.token", optional: true, secret: true, read: checked(words(cookieText)), idle: noHTTP},
		{path: "dns.bind", read: dnsBind},
		{path: "log.level", live: true, read: logLevel},
		{path: "log.format", read: choice(func(t target) *string { return &t.c.Log.Format }, "text json", "")},
	}
}
