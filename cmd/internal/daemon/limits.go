package daemon

import (
	"cmp"

	"github.com/muster-mqtt/muster/config"
	"github.com/muster-mqtt/muster/mqtt"
)

// limits are what clients may use. Of the front's limits 0 is a default; where
// it is a value of the configuration it has another form there.
func limits(c *config.Config) mqtt.Limits {
	m := c.MQTT
	return mqtt.Limits{
		MaxPacket: m.MaxPacketSize, MaxClientID: m.MaxClientIDLength, MaxSessions: m.MaxSessions,
		MaxSubscriptions: m.MaxSubscriptions, MaxInflight: m.MaxInflight, MaxQueue: m.MaxQueueLength, MaxQueueBytes: m.MaxQueueBytes,
		ReceiveMaximum: m.ReceiveMaximum, MaxTopicAlias: cmp.Or(m.MaxTopicAlias, -1), MaxQoS: cmp.Or(m.MaxQoSAllowed, -1),
		NoRetain: !m.RetainAvailable, NoWildcards: !m.Wildcards, NoShared: !m.Shared,
		ResponseInformation: m.ResponseInfo,
		SessionExpiry:       max(m.SessionExpiry, 1), // counted in whole seconds
		KeepAlive:           m.ServerKeepAlive, ConnectTimeout: m.IdleTimeout,
		LoginTimeout: c.Access.Timeout, MaxLogins: c.Access.MaxLogins,
	}
}
