package mqtt

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// ClientInfo describes one session of this node.
type ClientInfo struct {
	ClientID      string        `json:"client_id"`
	Connected     bool          `json:"connected"`
	Since         time.Time     `json:"since"` // of the connection, or of its end
	Listener      string        `json:"listener,omitempty"`
	Remote        string        `json:"remote,omitempty"` // address, while connected
	Clean         bool          `json:"clean"`            // the session ends with the connection
	KeepAlive     time.Duration `json:"keep_alive"`       // 0: none
	Subscriptions int           `json:"subscriptions"`
	Inflight      int           `json:"inflight"` // sent, not acknowledged
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
		connected, token := cl.conn != nil, cl.token
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
		ClientID: cl.id, Connected: cl.conn != nil, Since: cl.since, Clean: !cl.persistent,
		KeepAlive:     time.Duration(cl.keepAlive) * time.Second,
		Subscriptions: size.Subscriptions, Inflight: size.Inflight, Queue: size.Queue,
	}
	if cl.conn != nil {
		info.Listener = cl.conn.listener.name
		info.Remote = cl.conn.nc.RemoteAddr().String()
	}
	return info
}
