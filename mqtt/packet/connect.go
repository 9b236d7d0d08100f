package packet

import "github.com/muster-mqtt/muster/core"

// Version is the protocol level of a CONNECT.
type Version byte

// Version311 is MQTT 3.1.1.
const Version311 Version = 4

// Connect is a client's request to begin.
type Connect struct {
	Version Version
	// CleanStart asks for a new session, and in 3.1.1 (CleanSession) for one
	// that ends with the connection.
	CleanStart bool
	KeepAlive  uint16 // seconds; 0 is none
	ClientID   string // may be empty
	Will       *Will  // nil is none
	Username   *string
	Password   []byte // nil is none
}

// Will is the message that a client leaves to be published when it is lost.
type Will struct {
	Topic   core.Topic
	Payload []byte
	QoS     core.QoS
	Retain  bool
}

// The bits of the connect flags [MQTT 3.1.2.3].
const (
	flagReserved = 1 << iota
	flagClean
	flagWill
	flagWillQoS // two bits
	_
	flagWillRetain
	flagPassword
	flagUsername
)

// Connect decodes a CONNECT. The result shares no memory with the body.
func (p Packet) Connect() (Connect, error) {
	c := p.cursor()
	req := Connect{Version: c.version()}
	at := c.at
	flags := c.byte("connect flags")
	c.checkConnectFlags(flags, at)
	req.CleanStart = flags&flagClean != 0
	req.KeepAlive = c.uint16("keep alive")
	req.ClientID = string(c.text("client ID"))
	if flags&flagWill != 0 {
		req.Will = c.will(flags)
	}
	if flags&flagUsername != 0 {
		name := string(c.text("user name"))
		req.Username = &name
	}
	if flags&flagPassword != 0 {
		req.Password = append([]byte{}, c.binary("password")...)
	}
	if err := c.done(); err != nil {
		return Connect{}, err
	}
	return req, nil
}

// version reads the protocol name and level. Everything after them depends on
// the level, so an unknown one ends the decoding.
func (c *cursor) version() Version {
	name := string(c.binary("protocol name"))
	at := c.at
	level := Version(c.byte("protocol level"))
	switch {
	case name != "MQTT" && name != "MQIsdp":
		c.fail(Error{Kind: ErrProtocol, Field: "protocol name", Reason: "is not MQTT", Clause: "MQTT-3.1.2-1"})
	case name == "MQIsdp" || level != Version311:
		c.fail(Error{Kind: ErrVersion, Field: "protocol level", Offset: at, Reason: "is not 4", Clause: "MQTT-3.1.2-2"})
	}
	return level
}

func (c *cursor) checkConnectFlags(flags byte, at int) {
	bad := func(reason, clause string) {
		c.fail(Error{Field: "connect flags", Offset: at, Reason: reason, Clause: clause})
	}
	willQoS := flags / flagWillQoS & 3
	switch {
	case flags&flagReserved != 0:
		bad("the reserved bit is set", "MQTT-3.1.2-3")
	case willQoS == 3:
		bad("will QoS is 3", "MQTT-3.1.2-14")
	case flags&flagWill == 0 && willQoS != 0:
		bad("will QoS without a will", "MQTT-3.1.2-13")
	case flags&flagWill == 0 && flags&flagWillRetain != 0:
		bad("will retain without a will", "MQTT-3.1.2-15")
	case flags&flagUsername == 0 && flags&flagPassword != 0:
		bad("a password without a user name", "MQTT-3.1.2-22")
	}
}

func (c *cursor) will(flags byte) *Will {
	return &Will{
		Topic:   core.Topic(c.topic("will topic")),
		Payload: append([]byte{}, c.binary("will message")...),
		QoS:     core.QoS(flags / flagWillQoS & 3),
		Retain:  flags&flagWillRetain != 0,
	}
}

// Append appends the packet to dst. Each text and the password are at most
// 65535 bytes.
func (req Connect) Append(dst []byte) []byte {
	body := appendBinary(nil, "MQTT")
	body = append(body, byte(req.Version), req.flags(), byte(req.KeepAlive>>8), byte(req.KeepAlive))
	body = appendBinary(body, req.ClientID)
	if req.Will != nil {
		body = appendBinary(body, req.Will.Topic)
		body = appendBinary(body, req.Will.Payload)
	}
	if req.Username != nil {
		body = appendBinary(body, *req.Username)
	}
	if req.Password != nil {
		body = appendBinary(body, req.Password)
	}
	return append(appendHeader(dst, first(TypeConnect, 0), len(body)), body...)
}

func (req Connect) flags() byte {
	var flags byte
	set := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	set(flagClean, req.CleanStart)
	set(flagUsername, req.Username != nil)
	set(flagPassword, req.Password != nil)
	if w := req.Will; w != nil {
		flags |= flagWill | byte(w.QoS)*flagWillQoS
		set(flagWillRetain, w.Retain)
	}
	return flags
}
