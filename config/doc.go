// Package config is what an operator sets: every key with its default, the
// layers that give it a value, and clear errors for what cannot be meant.
//
// Load lays the layers over one another (built-in reference.conf, the files of
// a directory, named files, environment, flags), resolves substitutions across
// all of them, and reads the result into a Config. Each value knows where it
// came from, each error says where it is.
package config

import (
	"encoding/json"
	"time"
)

// Config is a whole configuration that has been checked.
type Config struct {
	Node      Node
	Cluster   Cluster
	Listeners []Listener // of MQTT, by kind and ID; those of tcp also when disabled
	MQTT      MQTT
	Access    Access
	Retainer  Retainer
	Log       Log

	PublishAck          string // publish.ack: accepted or local
	SubscribeVisibility string // subscribe.visibility: cluster or local
	SessionStore        string // session.store: local or memory
	// SessionFsync is session.fsync: 0 is written, below 0 always, above 0 the
	// time between two syncs.
	SessionFsync time.Duration
	Transport    string // transport.type: tcp or nats
	NATS         NATS

	// Warnings are for the operator: older spellings, unknown variables.
	Warnings []string

	entries  []Entry
	settings map[string]any // of the shipped strategies
	files    []string       // read, or looked for
	stamp    string         // of files, when they were read
}

// Node is the part of the configuration under node.
type Node struct {
	Name      string // as configured; "" means that NodeName gives the default
	Cookie    Secret // as configured: text, file:///path or ""; see Cookie
	DataDir   string
	Port      int    // of the cluster, 1 to 65535; 0 means derived from the name
	Bind      string // IP address, without brackets
	Role      string // core
	ProtoDist string // inet_tcp, inet6_tcp, inet_tls or inet6_tls
	PortMap   string // port_mapping: offset or epmd
	// ListenMin and ListenMax are dist_listen_min and dist_listen_max: the
	// ports that a node takes one of with port_mapping = epmd.
	ListenMin, ListenMax int
	SSL                  NodeTLS
}

// Cluster is the part of the configuration under cluster.
type Cluster struct {
	Name            string
	Datacenter      string
	Strategies      []string // of discovery, lower case; at least one
	Seeds           []string // static.seeds
	Join            []string // addresses to join, retried for ever
	BootstrapExpect int      // nodes that found together; 0 means not set
	FormAfter       time.Duration
	RejoinAfter     bool          // rejoin_after_leave
	Autoclean       time.Duration // 0 means off
	Autoheal        bool
	PartitionPolicy string // serve
	PluginsDir      string // "" means the default places
	Plugins         []Plugin
	// PluginConfig is the subtree cluster.<strategy> as a JSON object, of each
	// strategy but manual. That of a third-party strategy is as it was
	// written. That of static, mcast, dns, etcd and k8s is in a normal form:
	// lists as lists, ports and sizes (in bytes) as numbers, switches as true
	// and false, durations as text that time.ParseDuration reads; what is not
	// set is left out.
	PluginConfig map[string]json.RawMessage
}

// Plugin overrides how one strategy's plugin is found and started.
type Plugin struct {
	Strategy string
	Path     string   // "" means looked up by name
	SHA256   string   // of the file, 64 hexadecimal digits, or ""
	Args     []string // of its command line
}

// Listener is one MQTT listener.
type Listener struct {
	Kind           string // tcp, ssl, ws or wss
	ID             string
	Bind           string // host:port
	MaxConnections int    // at a time
	MaxConnRate    int    // connections a second; 0 is no limit, as of both below
	MessagesRate   int    // publishes of one client a second
	BytesRate      int    // bytes from one client a second
	Enable         bool
	AllowAnonymous bool // the written waiver of CONTRACT.md section 3
	TLS            ListenerTLS
	WebSocketPath  string // of ws and wss: websocket.mqtt_path
	MaxFrameSize   int    // of ws and wss: websocket.max_frame_size, in bytes
}

// ListenerTLS is the part of an ssl or wss listener under ssl_options, and the
// name that a client's certificate gives it. "" means no file.
type ListenerTLS struct {
	CACertFile, CertFile, KeyFile string
	VerifyPeer                    bool // verify = peer
	FailIfNoPeerCert              bool
	HandshakeTimeout              time.Duration
	PeerCertAsUsername            string // off, cn or san
}

// Path returns the path of the listener's keys: listeners.<kind>.<id>.
func (l Listener) Path() string { return "listeners." + l.Kind + "." + l.ID }

// MQTT holds the limits of what clients may use.
type MQTT struct {
	MaxPacketSize     int // bytes
	MaxClientIDLength int // bytes
	MaxSessions       int // of this node, connected or not
	MaxSubscriptions  int // of one session
	MaxInflight       int // messages sent and not yet acknowledged, of one session
	ReceiveMaximum    int // messages that a client may send before one is acknowledged
	MaxTopicAlias     int // topic aliases that a client may set; 0: none
	MaxQoSAllowed     int // 0 to 2
	RetainAvailable   bool
	Wildcards         bool          // wildcard_subscription
	Shared            bool          // shared_subscription
	ServerKeepAlive   time.Duration // the longest keep-alive, in whole seconds; 0: any
	ResponseInfo      string        // response_information; "" is none
	MaxQueueLength    int           // messages waiting for one session
	MaxQueueBytes     int           // bytes of those
	SessionExpiry     time.Duration
	IdleTimeout       time.Duration // from a connection to its CONNECT
	// PeerCertAsUsername counts for listeners that do not say it themselves.
	PeerCertAsUsername string // off, cn or san
}

// Access says who may connect, and what for.
type Access struct {
	UsersFile string   // authentication.users_file; "" means that nobody is asked for a password
	Rules     []string // authorization.rules
	RulesFile string   // authorization.rules_file; "" means none
	NoMatch   string   // authorization.no_match: auto, allow or deny
	// Timeout is authentication.timeout, MaxLogins authentication.max_logins;
	// 0 is twice the processors.
	Timeout   time.Duration
	MaxLogins int
}

// Retainer bounds the retained messages that a node keeps, those of the whole
// cluster.
type Retainer struct {
	MaxMessages int
	MaxBytes    int
}

// Log says what is logged and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Secret is text that no print, log or JSON shows. Convert it to string for
// use.
type Secret string

const masked = "******"

// String returns stars, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON and from slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
