package packet

// Connack answers a CONNECT. What is nil or zero is left out, and says the
// default beside it.
type Connack struct {
	Version        Version // that of the CONNECT, as it was sent
	SessionPresent bool
	// Code is 0 for accepted, else a refusal: in 3.1.1 one of Refused*, in 5.0
	// a Reason. See Reason.ConnackCode.
	Code byte

	SessionExpiry     *uint32 // seconds; nil: as the client asked
	ReceiveMaximum    uint16  // messages of QoS 1 and 2 that the server takes at a time; 0 or 65535: 65535
	MaximumQoS        *byte   // 0 or 1; nil: 2
	RetainAvailable   *bool   // nil: yes
	MaximumPacketSize uint32  // bytes; 0: no limit
	AssignedClientID  string
	TopicAliasMaximum uint16 // highest alias that the server takes; 0: none
	ReasonString      string
	UserProperties    []byte // encoded, see Properties
	WildcardAvailable *bool  // nil: yes
	// SubscriptionIDsAvailable and SharedAvailable are about subscriptions;
	// nil: yes.
	SubscriptionIDsAvailable *bool
	SharedAvailable          *bool
	ServerKeepAlive          *uint16 // seconds, in place of the client's; nil: the client's
	ResponseInformation      string
	ServerReference          string
	AuthMethod               *string
	AuthData                 []byte
}

// Connack decodes a CONNACK. The result shares no memory with the body.
func (p Packet) Connack() (Connack, error) {
	c := p.cursor()
	flags := c.byte("acknowledge flags")
	a := Connack{Version: p.Version, SessionPresent: flags == 1, Code: c.returnCode()}
	switch {
	case flags > 1:
		c.fail(Error{Field: "acknowledge flags", Reason: "a reserved bit is set", Clause: "MQTT-3.2.2-1"})
	case a.Code != Accepted && flags != 0:
		c.fail(Error{Kind: ErrProtocol, Field: "acknowledge flags", Reason: "session present in a refusal",
			Clause: c.version.either("MQTT-3.2.2-4", "MQTT-3.2.2-6")})
	}
	a.readProperties(&c)
	if err := c.done(); err != nil {
		return Connack{}, err
	}
	return a, nil
}

// returnCode reads the code: in 3.1.1 the numbers above 5 are reserved.
func (c *cursor) returnCode() byte {
	if c.version.five() {
		c.fromServer = true // only servers send a CONNACK
		return byte(c.reason())
	}
	at := c.at
	code := c.byte("return code")
	if code > RefusedUnauthorized {
		c.fail(Error{Field: "return code", Offset: at, Reason: "is reserved", Clause: "MQTT-3.2.2-6"})
	}
	return code
}

// readProperties reads the properties of 5.0 [5.0 MQTT 3.2.2.3].
func (a *Connack) readProperties(c *cursor) {
	var user run
	w := c.properties(TypeConnack)
	for w.next() {
		switch w.id {
		case propUser:
			w.pass()
			user.keep(&w)
		case propSessionExpiry:
			a.SessionExpiry = ptr(w.uint32())
		case propReceiveMaximum:
			a.ReceiveMaximum = w.some()
		case propMaximumQoS:
			a.MaximumQoS = ptr(w.maximumQoS())
		case propMaximumPacket:
			a.MaximumPacketSize = w.packetSize()
		case propAliasMaximum:
			a.TopicAliasMaximum = w.uint16()
		case propServerKeepAlive:
			a.ServerKeepAlive = ptr(w.uint16())
		case propRetainAvailable, propWildcards, propSubscriptionIDs, propShared:
			*a.feature(w.id) = ptr(w.flag())
		case propAuthMethod:
			a.AuthMethod = w.method()
		case propAuthData:
			a.AuthData = w.binary()
		default:
			*a.words(w.id) = w.text()
		}
	}
	a.UserProperties = append([]byte(nil), user.bytes(c.body)...)
}

// feature is the field of a property that says whether something is there.
func (a *Connack) feature(id property) **bool {
	switch id {
	case propRetainAvailable:
		return &a.RetainAvailable
	case propWildcards:
		return &a.WildcardAvailable
	case propSubscriptionIDs:
		return &a.SubscriptionIDsAvailable
	}
	return &a.SharedAvailable
}

// words is the field of a property that is a text.
func (a *Connack) words(id property) *string {
	switch id {
	case propAssignedID:
		return &a.AssignedClientID
	case propResponseInfo:
		return &a.ResponseInformation
	case propServerReference:
		return &a.ServerReference
	}
	return &a.ReasonString
}

// maximumQoS reads 0 or 1 [5.0 MQTT 3.2.2.3.4].
func (w *walk) maximumQoS() byte {
	if w.flag() {
		return 1
	}
	return 0
}

func ptr[T any](v T) *T { return &v }

// Append appends the packet to dst, in the form that clients of its version
// understand. To one of a version that is not spoken here that is the form of
// the nearest one that is.
func (a Connack) Append(dst []byte) []byte {
	var flags byte
	if a.SessionPresent {
		flags = 1
	}
	body := []byte{flags, a.Code}
	if a.Version.five() {
		body = a.encoder().appendTo(body, a.UserProperties)
	}
	return appendPacket(dst, TypeConnack, body)
}

func (a Connack) encoder() encoder {
	var e encoder
	if a.SessionExpiry != nil {
		e.uint32(propSessionExpiry, *a.SessionExpiry)
	}
	e.window(a.ReceiveMaximum)
	if a.MaximumQoS != nil {
		e.byte(propMaximumQoS, *a.MaximumQoS)
	}
	e.someUint32(propMaximumPacket, a.MaximumPacketSize)
	if a.TopicAliasMaximum != 0 {
		e.uint16(propAliasMaximum, a.TopicAliasMaximum)
	}
	if a.ServerKeepAlive != nil {
		e.uint16(propServerKeepAlive, *a.ServerKeepAlive)
	}
	for _, id := range []property{propRetainAvailable, propWildcards, propSubscriptionIDs, propShared} {
		if on := *a.feature(id); on != nil {
			e.flag(id, *on, !*on)
		}
	}
	for _, id := range []property{propAssignedID, propResponseInfo, propServerReference, propReasonString} {
		e.text(id, *a.words(id))
	}
	e.auth(a.AuthMethod, a.AuthData)
	return e
}
