package packet

// Disconnect ends a connection. In 3.1.1 only a client sends it, and it says
// nothing else.
type Disconnect struct {
	Version Version
	// What follows is left out in 3.1.1.

	Reason Reason // Success is the normal disconnection
	// SessionExpiry replaces that of the CONNECT, in seconds; nil leaves it.
	// A server does not send it [5.0 MQTT-3.14.2-2].
	SessionExpiry   *uint32
	ReasonString    string
	ServerReference string
	UserProperties  []byte // encoded, see Properties; shares memory with the body
}

// Disconnect decodes a DISCONNECT. In 5.0 the reason may be missing, and after
// it the properties [5.0 MQTT 3.14.2.1, 3.14.2.2.1].
func (p Packet) Disconnect() (Disconnect, error) {
	c := p.cursor()
	d := Disconnect{Version: p.Version}
	if p.Version.five() && c.more() {
		d.Reason = c.reason()
	}
	if p.Version.five() && c.more() {
		d.readProperties(&c)
	}
	if err := c.done(); err != nil {
		return Disconnect{}, err
	}
	return d, nil
}

func (d *Disconnect) readProperties(c *cursor) {
	var user run
	w := c.properties(TypeDisconnect)
	for w.next() {
		switch w.id {
		case propSessionExpiry:
			d.SessionExpiry = ptr(w.uint32())
			if c.fromServer {
				w.refuse(w.id, "is not for a server to send", "MQTT-3.14.2-2")
			}
		case propReasonString:
			d.ReasonString = w.text()
		case propServerReference:
			d.ServerReference = w.text()
		default:
			w.pass()
			user.keep(&w)
		}
	}
	d.UserProperties = user.bytes(c.body)
}

// Append appends the packet to dst, as short as it can be.
func (d Disconnect) Append(dst []byte) []byte {
	var e encoder
	if d.SessionExpiry != nil {
		e.uint32(propSessionExpiry, *d.SessionExpiry)
	}
	e.text(propReasonString, d.ReasonString)
	e.text(propServerReference, d.ServerReference)
	switch bare := len(e)+len(d.UserProperties) == 0; {
	case !d.Version.five() || bare && d.Reason == Success:
		return AppendEmpty(dst, TypeDisconnect)
	case bare:
		return append(dst, byte(TypeDisconnect)<<4, 1, byte(d.Reason))
	}
	return appendPacket(dst, TypeDisconnect, e.appendTo([]byte{byte(d.Reason)}, d.UserProperties))
}
