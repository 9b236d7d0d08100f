package mqtt

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/session"
)

// ClientInfo describes one session of this node.
type ClientInfo struct {
	ClientID      string        `json:"client_id"`
	Username      string        `json:"username,omitempty"`
	Version       string        `json:"version,omitempty"` // of the protocol: 3.1.1 or 5.0; while connected
	Connected     bool          `json:"connected"`
	Since         time.Time     `json:"since"` // of the connection, or of its end
	Listener      string        `json:"listener,omitempty"`
	Remote        string        `json:"remote,omitempty"` // address, while connected
	Clean         bool          `json:"clean"`            // the session ends with the connection
	KeepAlive     time.Duration `json:"keep_alive"`       // 0: none, or not connected
	Expiry        time.Duration `json:"expiry"`           // of the session, after its connection; negative: never
	Subscriptions int           `json:"subscriptions"`
	Inflight      int           `json:"inflight"` // sent, not acknowledged
	Received      int           `json:"received"` // QoS 2 messages of the client, not released
	Queue         int           `json:"queue"`    // messages that wait
}

// Clients lists the sessions of this node, connected or not, sorted by client
// ID.
func (b *Broker) Clients() []ClientInfo {
	var all []ClientInfo
	for _, cl := range b.sessions() {
		all = append(all, cl.info())
	}
	return all
}

// Connected implements SessionOwner.
func (b *Broker) Connected(yield func(clientID string, token core.Token) bool) {
	for _, cl := range b.sessions() {
		cl.mu.Lock()
		connected, token := cl.conn != nil && !cl.conn.closed(), cl.token
		cl.mu.Unlock()
		if connected && !yield(cl.id, token) {
			return
		}
	}
}

func (b *Broker) sessions() []*client {
	b.mu.Lock()
	all := make([]*client, 0, len(b.places))
	for _, p := range b.places {
		if p.client != nil {
			all = append(all, p.client)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y *client) int { return cmp.Compare(x.id, y.id) })
	return all
}

func (cl *client) info() ClientInfo {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	size := cl.session.Size()
	info := ClientInfo{
		ClientID: cl.id, Connected: cl.conn != nil, Since: cl.since, Clean: !cl.session.Persistent(),
		Expiry: time.Duration(cl.session.Expiry()) * time.Second, Subscriptions: size.Subscriptions,
		Inflight: size.Inflight, Received: size.Received, Queue: size.Queue,
	}
	if cl.session.Expiry() == session.Never {
		info.Expiry = -1
	}
	if cl.who != nil {
		info.Username = cl.who.Username
	}
	if c := cl.conn; c != nil {
		info.Version = c.version.String()
		info.KeepAlive = time.Duration(c.keepAlive) * time.Second
		info.Listener = c.listener.opts.ID
		info.Remote = c.nc.RemoteAddr().String()
	}
	return info
}
