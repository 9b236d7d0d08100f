package mqtt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// The ways in which a connection ends that are not errors of another room.
var (
	errDisconnect = errors.New("the client disconnected")
	errTakenOver  = errors.New("the client ID connected elsewhere")
	errRefused    = errors.New("refused")
	errQoS2       = errors.New("QoS 2 is not supported yet")
	errPublish    = errors.New("the message was not taken")
	errTimeout    = errors.New("no CONNECT in time")
)

// reasonOf maps the end of the read loop to the reason that is counted.
func reasonOf(err error) count {
	for _, r := range []struct {
		err    error
		reason count
	}{
		{errDisconnect, endDisconnect},
		{errTakenOver, endTakenOver},
		{errRefused, endRefused},
		{errQoS2, endQoS2},
		{errPublish, endPublish},
		{errTimeout, endConnectTimeout},
		{packet.ErrTooLarge, endTooLarge},
		{packet.ErrProtocol, endProtocol},
		{packet.ErrMalformed, endMalformed},
		{os.ErrDeadlineExceeded, endKeepAlive},
	} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return endLost
}

// connect handles the first packet, which must be a CONNECT [MQTT-3.1.0-1].
func (c *conn) connect() error {
	if err := c.nc.SetReadDeadline(time.Now().Add(c.broker.limits.ConnectTimeout)); err != nil {
		return err
	}
	req, err := c.readConnect()
	if err != nil {
		return err
	}
	if req.Will != nil {
		c.broker.warnOnce(willsIgnored, "wills are not supported yet: that of a client is ignored",
			"client", req.ClientID, "remote", c.nc.RemoteAddr())
	}
	if err := c.attach(req); err != nil {
		return err
	}
	c.source.interval = time.Duration(req.KeepAlive) * time.Second * 3 / 2
	c.source.fresh = true
	return c.nc.SetReadDeadline(time.Time{})
}

func (c *conn) readConnect() (packet.Connect, error) {
	p, err := c.in.Next()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return packet.Connect{}, errTimeout
	case err != nil:
		return packet.Connect{}, err
	case p.Type != packet.TypeConnect:
		return packet.Connect{}, fmt.Errorf("%w: %v before CONNECT [MQTT-3.1.0-1]", packet.ErrProtocol, p.Type)
	}
	req, err := p.Connect()
	if errors.Is(err, packet.ErrVersion) {
		return req, c.refuse(packet.RefusedVersion, refusedVersion)
	}
	if err != nil {
		return req, err
	}
	return req, c.checkClientID(&req)
}

// checkClientID gives a client without an ID one of ours [MQTT-3.1.3-6] if
// its session ends with the connection [MQTT-3.1.3-7].
func (c *conn) checkClientID(req *packet.Connect) error {
	switch {
	case req.ClientID == "" && req.CleanStart:
		req.ClientID = "auto-" + rand.Text()
		return nil
	case req.ClientID == "", len(req.ClientID) > c.broker.limits.MaxClientID:
		return c.refuse(packet.RefusedClientID, refusedClientID) // [MQTT-3.1.3-8, 9]
	}
	return nil
}

// refuse answers a CONNECT with a return code. Nothing else has been written.
func (c *conn) refuse(code byte, why count) error {
	c.broker.counters.add(why, 0, 1)
	err := fmt.Errorf("%w: %s (return code %d)", errRefused, countNames[why].reason, code)
	return errors.Join(err, c.out.write(packet.Connack{Code: code}.Append(nil)))
}

// attach claims the client ID in the cluster and ties the connection to a
// session, the CONNACK being the first packet out.
func (c *conn) attach(req packet.Connect) error {
	b := c.broker
	if !b.register(req.ClientID) {
		return c.refuse(packet.RefusedUnavailable, refusedSessions)
	}
	defer b.unregister(req.ClientID)
	a := attachment{conn: c, req: req, token: b.cluster.Claim(req.ClientID, req.CleanStart)}
	return b.adopt(a)
}
