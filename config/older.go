package config

import (
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/config/hocon"
)

// templates give the keys that an entry of the operator's own naming lacks.
var templates = map[string]string{
	"listeners.tcp": "default", "listeners.ssl": "default", "listeners.ws": "default", "listeners.wss": "default",
	"cluster.plugins": "static",
}

// required are the keys that a template does not give.
var required = map[string]bool{
	"listeners.tcp.*.bind": true, "listeners.ssl.*.bind": true, "listeners.ws.*.bind": true, "listeners.wss.*.bind": true,
}

// olderSpellings in the order in which they are taken.
var olderSpellings = []string{
	"cluster.discovery", "cluster.start_join", "cluster.retry_join", "cluster.proto_dist", "cluster.K8s",
	"cluster.dns.type", "cluster.etcd.ssl_options",
	"mqtt.max_mqueue_len", "mqtt.max_clientid_len", "log.console.level", "log.console.formatter",
	"retainer.backend.max_retained_messages",
}

var newerSpellings = map[string]string{
	"cluster.discovery":        "cluster.discovery_strategy",
	"cluster.start_join":       "cluster.join",
	"cluster.retry_join":       "cluster.join",
	"cluster.proto_dist":       "node.proto_dist",
	"cluster.K8s":              "cluster.k8s",
	"cluster.dns.type":         "cluster.dns.record_type",
	"cluster.etcd.ssl_options": "cluster.etcd.ssl",
	"mqtt.max_mqueue_len":      "mqtt.max_queue_length",
	"mqtt.max_clientid_len":    "mqtt.max_clientid_length",
	"log.console.level":        "log.level",
	"log.console.formatter":    "log.format",

	"retainer.backend.max_retained_messages": "retainer.max_retained_messages",
}

// unbuilt are the keys that this version refuses, since a node would behave
// otherwise than they ask, each with the value, if any, that asks for nothing
// and is let pass.
var unbuilt = map[string]string{
	"listeners.tcp.*.ssl_options": "", "authentication.mechanism": "", "authentication.backend": "", "authorization.sources": "[]",
	"listeners.tcp.*.access_rules": "[allow all]", "listeners.ssl.*.access_rules": "[allow all]",
	"listeners.ws.*.access_rules": "[allow all]", "listeners.wss.*.access_rules": "[allow all]",
}

// lacking are features and details of older products that muster has no key
// for: a warning, so that a configuration can be brought along.
const lacking = `
	statsd sysmon sys_topics os_mon vm_mon alarm telemetry prometheus opentelemetry rule_engine bridges connectors
	actions sources gateway exhook plugins modules module delayed rewrite auto_subscribe topic_metrics
	flapping_detect flapping force_gc force_shutdown conn_congestion overload_protection rpc broker zones zone api_key license
	durable_sessions durable_storage limiter crl_cache stats persistent_session_store event_message slow_subs trace
	mqtt_sn shared_subscription file_transfer schema_registry schema_validation message_transformation
	ai psk_authentication banned multi_tenancy cluster_linking node_eviction_agent
	listener allow_anonymous acl_nomatch acl_file acl_deny_action enable_acl_cache acl_cache_max_size acl_cache_ttl authorization.cache
	cluster.core_nodes cluster.description cluster.links cluster.prevent_overlapping_partitions cluster.etcd.version
	retainer.enable retainer.msg_expiry_interval retainer.msg_expiry_interval_override retainer.msg_clear_interval retainer.max_payload_size
	retainer.allow_never_expire retainer.stop_publish_clear_msg retainer.delivery_rate retainer.flow_control retainer.backend.type
	retainer.backend.storage_type retainer.backend.index_specs retainer.backend.enable retainer.max_publish_rate
	node.ssl_dist_optfile node.dist_net_ticktime node.process_limit node.max_ports node.dist_buffer_size
	node.crash_dump_file node.crash_dump_seconds node.crash_dump_bytes node.global_gc_interval node.db_backend
	node.db_role node.etc_dir node.broker_pool_size node.generic_pool_size node.channel_cleanup_batch_size
	node.tags node.default_bootstrap_batch_size node.async_threads node.fullsweep_after node.max_ets_tables
	node.backtrace_depth node.applications node.proto_dist_opts node.rpc_module node.tlog_push_mode
	listeners.quic
	listeners.*.*.acceptors listeners.*.*.tcp_options listeners.*.*.zone listeners.*.*.mountpoint
	listeners.*.*.enable_authn listeners.*.*.proxy_protocol listeners.*.*.proxy_protocol_timeout
	listeners.*.*.limiter listeners.*.*.authentication_enabled listeners.*.*.nodelay listeners.*.*.parse_unit
	listeners.*.*.max_conn_burst listeners.*.*.messages_burst listeners.*.*.bytes_burst
	mqtt.max_topic_levels mqtt.shared_subscription_strategy mqtt.shared_subscription_initial_sticky_pick
	mqtt.exclusive_subscription mqtt.ignore_loop_deliver mqtt.strict_mode
	mqtt.keepalive_backoff mqtt.keepalive_multiplier mqtt.keepalive_check_interval
	mqtt.upgrade_qos mqtt.retry_interval mqtt.max_awaiting_rel mqtt.await_rel_timeout mqtt.mqueue_priorities
	mqtt.mqueue_default_priority mqtt.mqueue_store_qos0 mqtt.use_username_as_clientid
	mqtt.peer_cert_as_clientid mqtt.message_expiry_interval mqtt.client_attrs_init mqtt.clientid_override
	dashboard.listeners.https dashboard.listeners.http.max_connections dashboard.listeners.http.enable
	dashboard.listeners.http.num_acceptors dashboard.listeners.http.backlog dashboard.listeners.http.send_timeout
	dashboard.listeners.http.inet6 dashboard.listeners.http.ipv6_v6only dashboard.listeners.http.proxy_header
	dashboard.default_username dashboard.default_password dashboard.default_user dashboard.sample_interval
	dashboard.token_expired_time dashboard.cors dashboard.i18n_lang dashboard.bootstrap_users_file
	dashboard.swagger_support dashboard.sso dashboard.unsuccessful_login_max_attempts dashboard.password_expired_time
	dashboard.unsuccessful_login_lock_duration dashboard.unsuccessful_login_interval dashboard.hwmark_expire_time
	log.console log.file log.console_handler log.file_handlers log.audit log.throttling log.to log.dir log.size
	log.rotation log.chars_limit log.max_depth log.single_line log.formatter log.time_offset log.primary_log_level
`

// webSocketDetails are keys of listeners over WebSocket: one path, one
// subprotocol, no compression; what a page's origin is does not matter.
var webSocketDetails = strings.Fields(`compress idle_timeout piggyback mqtt_piggyback fail_if_no_subprotocol supported_subprotocols
	check_origin_enable check_origins allow_origin_absence allow_origin_absent proxy_address_header proxy_port_header
	deflate_opts validate_utf8`)

// tlsDetails are keys of TLS options of older products: the choice of versions
// and ciphers is that of Go's TLS.
var tlsDetails = strings.Fields(`versions ciphers depth password reuse_sessions secure_renegotiate log_level hibernate_after
	user_lookup_fun honor_cipher_order client_renegotiation dhfile gc_after_handshake ocsp
	enable_crl_check verify_peer_ext_key_usage partial_chain managed_certs server_name_indication middlebox_comp_mode`)

// tlsPlaces are where TLS options are.
var tlsPlaces = []string{"node.ssl_dist", "transport.nats.tls", "cluster.etcd.ssl", "listeners.ssl.*.ssl_options", "listeners.wss.*.ssl_options"}

// lackingPaths lists the paths of what muster has no key for, each * of a
// listener's kind written out.
func lackingPaths() []string {
	var out []string
	for _, path := range strings.Fields(lacking) {
		rest, any := strings.CutPrefix(path, "listeners.*.")
		if !any {
			out = append(out, path)
			continue
		}
		for _, kind := range listenerKinds {
			out = append(out, "listeners."+kind+"."+rest)
		}
	}
	for _, place := range tlsPlaces {
		for _, name := range tlsDetails {
			out = append(out, place+"."+name)
		}
	}
	for _, place := range tlsPlaces[:3] { // those of listeners have it
		out = append(out, place+".handshake_timeout")
	}
	for _, name := range webSocketDetails {
		out = append(out, "listeners.ws.*.websocket."+name, "listeners.wss.*.websocket."+name)
	}
	return out
}

// instead says what to set in place of a key that muster does not read, or
// refuses.
var instead = map[string]string{
	"authorization.sources": "write the rules under authorization.rules, or in a file that authorization.rules_file names",
	"node.ssl_dist_optfile": "an Erlang file; name the files in it under node.ssl_dist",
}

// ignore notes a key of a feature that muster lacks.
func (l *loader) ignore(m hocon.Member, path []string) {
	where := m.Origin().String()
	if hint := instead[dotted(path)]; hint != "" {
		where += ": " + hint
	}
	l.ignored = append(l.ignored, dotted(path)+" ("+where+")")
}

// maxIgnored is how many of them are named.
const maxIgnored = 100

// warnIgnored makes one line of all those keys.
func (l *loader) warnIgnored() {
	if len(l.ignored) > 0 {
		names, more := l.ignored, ""
		if len(names) > maxIgnored {
			names, more = names[:maxIgnored], fmt.Sprintf(" and %d more", len(names)-maxIgnored)
		}
		l.warn("ignored, as they belong to features that muster lacks: %s", strings.Join(names, ", ")+more)
	}
}
