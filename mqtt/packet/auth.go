package packet

// Auth is a step of an enhanced authentication [5.0 MQTT 3.15, 4.12]; 3.1.1
// has no such packet.
type Auth struct {
	Version Version
	Reason  Reason  // Success is for a server to say, ReAuthenticate for a client
	Method  *string // nil only in the short form of Success
	Data    []byte  // nil is none
	// ReasonString and the user properties explain.
	ReasonString   string
	UserProperties []byte // encoded, see Properties; shares memory with the body
}

// Auth decodes an AUTH. An empty one is a Success without properties
// [5.0 MQTT 3.15.2.1]; any other names the method [5.0 MQTT 3.15.2.2.2].
func (p Packet) Auth() (Auth, error) {
	c := p.cursor()
	a := Auth{Version: p.Version}
	if len(p.Body) == 0 {
		c.checkShortAuth()
		return a, c.done()
	}
	a.Reason = c.reason()
	a.readProperties(&c)
	if a.Method == nil && c.err == nil {
		c.fail(Error{Kind: ErrProtocol, Field: propAuthMethod.name(), Offset: 1, Reason: "is missing", Clause: "MQTT 3.15.2.2.2"})
	}
	if err := c.done(); err != nil {
		return Auth{}, err
	}
	return a, nil
}

func (c *cursor) checkShortAuth() {
	if !c.fromServer {
		c.fail(Error{Kind: ErrProtocol, Field: "reason code", Reason: "success is not for a client to say", Clause: "MQTT-3.15.2-1"})
	}
}

func (a *Auth) readProperties(c *cursor) {
	var user run
	w := c.properties(TypeAuth)
	for w.next() {
		switch w.id {
		case propAuthMethod:
			a.Method = w.method()
		case propAuthData:
			a.Data = w.binary()
		case propReasonString:
			a.ReasonString = w.text()
		default:
			w.pass()
			user.keep(&w)
		}
	}
	a.UserProperties = user.bytes(c.body)
}

// Append appends the packet to dst.
func (a Auth) Append(dst []byte) []byte {
	var e encoder
	e.auth(a.Method, a.Data)
	e.text(propReasonString, a.ReasonString)
	if a.Reason == Success && len(e)+len(a.UserProperties) == 0 {
		return AppendEmpty(dst, TypeAuth)
	}
	return appendPacket(dst, TypeAuth, e.appendTo([]byte{byte(a.Reason)}, a.UserProperties))
}
