package packet

// Connect is a client's request to begin.
type Connect struct {
	Version Version
	// CleanStart asks for a new session, and in 3.1.1 (CleanSession) for one
	// that ends with the connection.
	CleanStart bool
	KeepAlive  uint16 // seconds; 0 is none
	ClientID   string // may be empty; see ErrClientID
	Will       *Will  // nil is none
	Username   *string
	Password   []byte // nil is none; in 5.0 it may come without a user name

	// SessionExpiry is how long the session outlives the connection, in
	// seconds; 0xFFFFFFFF is for ever. In 3.1.1 the one is 0 and the other is
	// for ever, by CleanStart [5.0 MQTT 3.1.2.11.2].
	SessionExpiry uint32
	// ReceiveMaximum is how many messages of QoS 1 and 2 may be on their way
	// to the client, 1 to 65535, the latter when it does not say. 0 is written
	// as 65535.
	ReceiveMaximum    uint16
	MaximumPacketSize uint32 // bytes that a packet to the client may have; 0 is no limit
	TopicAliasMaximum uint16 // highest alias in a PUBLISH to the client; 0 is none
	RequestResponse   bool   // the CONNACK may have response information
	// RequestProblem says that packets other than PUBLISH, CONNACK and
	// DISCONNECT may have a reason string and user properties
	// [5.0 MQTT-3.1.2-29]; true when the client does not say.
	RequestProblem bool
	AuthMethod     *string // of enhanced authentication; nil is none
	AuthData       []byte  // nil is none
	UserProperties []byte  // encoded, see Properties; nil is none
}

// forever is the session expiry of a session that does not expire.
const forever uint32 = 0xFFFFFFFF

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

// Connect decodes a CONNECT. The result shares no memory with the body. With
// an error only its Version is set, as far as it was read: the form of the
// answer.
func (p Packet) Connect() (Connect, error) {
	c := p.cursor()
	req := Connect{Version: c.level(), ReceiveMaximum: maxText, RequestProblem: true}
	if p.padded && c.version.five() {
		c.fail(Error{Offset: -1, Reason: "remaining length has more bytes than it needs", Clause: "MQTT-1.5.5-1"})
	}
	at := c.at
	flags := c.byte("connect flags")
	c.checkConnectFlags(flags, at)
	req.CleanStart = flags&flagClean != 0
	req.KeepAlive = c.uint16("keep alive")
	if !c.version.five() && !req.CleanStart {
		req.SessionExpiry = forever
	}
	req.readProperties(&c)
	req.readPayload(&c, flags)
	if !c.more() {
		req.checkClientID(&c)
	}
	if err := c.done(); err != nil {
		return Connect{Version: req.Version}, err
	}
	return req, nil
}

// checkClientID: in 3.1.1 a client without an ID wants a clean session.
func (req *Connect) checkClientID(c *cursor) {
	const at = 10 // in 3.1.1 nothing of variable length comes before it
	if req.ClientID == "" && !req.CleanStart && !c.version.five() {
		c.fail(Error{Kind: ErrClientID, Field: "client ID", Offset: at,
			Reason: "is empty, and the session is to outlive the connection", Clause: "MQTT-3.1.3-8"})
	}
}

// level reads the protocol name and level. Everything after them depends on
// the level, so an unknown one ends the decoding.
func (c *cursor) level() Version {
	c.version = 0
	name := string(c.binary("protocol name"))
	if c.err == nil && name != "MQTT" && name != "MQIsdp" {
		c.fail(Error{Kind: ErrProtocol, Field: "protocol name", Reason: "is not MQTT", Clause: "MQTT-3.1.2-1"})
	}
	at := c.at
	c.version = Version(c.byte("protocol level"))
	if name == "MQIsdp" {
		c.version = version31
	}
	if c.version != Version311 && c.version != Version5 {
		c.fail(Error{Kind: ErrVersion, Field: "protocol level", Offset: at, Reason: "is neither 4 nor 5", Clause: "MQTT-3.1.2-2"})
	}
	return c.version
}

func (c *cursor) checkConnectFlags(flags byte, at int) {
	bad := func(reason, in311, in5 string) {
		c.fail(Error{Field: "connect flags", Offset: at, Reason: reason, Clause: c.version.either(in311, in5)})
	}
	willQoS := flags / flagWillQoS & 3
	switch {
	case flags&flagReserved != 0:
		bad("the reserved bit is set", "MQTT-3.1.2-3", "MQTT-3.1.2-3")
	case willQoS == 3:
		bad("will QoS is 3", "MQTT-3.1.2-14", "MQTT-3.1.2-12")
	case flags&flagWill == 0 && willQoS != 0:
		bad("will QoS without a will", "MQTT-3.1.2-13", "MQTT-3.1.2-11")
	case flags&flagWill == 0 && flags&flagWillRetain != 0:
		bad("will retain without a will", "MQTT-3.1.2-15", "MQTT-3.1.2-13")
	case flags&flagUsername == 0 && flags&flagPassword != 0 && !c.version.five():
		bad("a password without a user name", "MQTT-3.1.2-22", "")
	}
}

// readProperties reads the properties of 5.0 [5.0 MQTT 3.1.2.11].
func (req *Connect) readProperties(c *cursor) {
	var user run
	w := c.properties(TypeConnect)
	for w.next() {
		switch w.id {
		case propSessionExpiry:
			req.SessionExpiry = w.uint32()
		case propReceiveMaximum:
			req.ReceiveMaximum = w.some()
		case propMaximumPacket:
			req.MaximumPacketSize = w.packetSize()
		case propAliasMaximum:
			req.TopicAliasMaximum = w.uint16()
		case propRequestResponse:
			req.RequestResponse = w.flag()
		case propRequestProblem:
			req.RequestProblem = w.flag()
		case propAuthMethod:
			req.AuthMethod = w.method()
		case propAuthData:
			req.AuthData = w.binary()
		default:
			w.pass()
			user.keep(&w)
		}
	}
	if req.AuthMethod == nil && req.AuthData != nil {
		c.fail(Error{Kind: ErrProtocol, Field: propAuthData.name(), Offset: c.at, Reason: "without a method", Clause: "MQTT 3.1.2.11.10"})
	}
	req.UserProperties = append([]byte(nil), user.bytes(c.body)...)
}

// readPayload reads the fields that the flags announce, in their order
// [MQTT-3.1.3-1].
func (req *Connect) readPayload(c *cursor, flags byte) {
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
}

// Append appends the packet to dst. Properties are left out in 3.1.1.
func (req Connect) Append(dst []byte) []byte {
	body := appendBinary(nil, "MQTT")
	body = append(body, byte(req.Version), req.flags(), byte(req.KeepAlive>>8), byte(req.KeepAlive))
	if req.Version.five() {
		body = req.encoder().appendTo(body, req.UserProperties)
	}
	body = appendBinary(body, req.ClientID)
	if req.Will != nil {
		body = req.Will.appendTo(body, req.Version)
	}
	if req.Username != nil {
		body = appendBinary(body, *req.Username)
	}
	if req.Password != nil {
		body = appendBinary(body, req.Password)
	}
	return appendPacket(dst, TypeConnect, body)
}

func (req Connect) encoder() encoder {
	var e encoder
	e.someUint32(propSessionExpiry, req.SessionExpiry)
	e.window(req.ReceiveMaximum)
	e.someUint32(propMaximumPacket, req.MaximumPacketSize)
	if req.TopicAliasMaximum != 0 {
		e.uint16(propAliasMaximum, req.TopicAliasMaximum)
	}
	e.flag(propRequestResponse, req.RequestResponse, false)
	e.flag(propRequestProblem, req.RequestProblem, true)
	e.auth(req.AuthMethod, req.AuthData)
	return e
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
