package packet

// walk goes through the properties of a packet:
//
//	for w := c.properties(t); w.next(); {
//		switch w.id {
//
// Each property must be read, by one of the methods of walk, before the next.
type walk struct {
	c    *cursor
	in   Type // typeWill for those of a will
	all  int  // where the body ends
	seen uint64
	id   property
	at   int // where the property begins
}

// properties reads the length of the properties that follow. In 3.1.1 there
// are none.
func (c *cursor) properties(in Type) walk {
	w := walk{c: c, in: in, all: c.end}
	if !c.version.five() {
		c.end = c.at
		return w
	}
	at := c.at
	n := c.varint("property length")
	if c.err == nil && n > c.end-c.at {
		c.fail(Error{Field: "property length", Offset: at, Reason: "is more than the packet holds", Clause: "MQTT 2.2.2.1"})
	}
	c.end = c.at + n
	return w
}

// next goes to the next property, and after the last one back to what follows
// the properties.
func (w *walk) next() bool {
	if !w.c.more() {
		w.c.end = w.all
		return false
	}
	w.at = w.c.at
	id := w.c.varint("property identifier")
	if w.c.err == nil {
		w.check(id)
	}
	w.id = property(id)
	return w.c.err == nil || w.next()
}

// check holds the identifier against the table: a property of another packet
// is malformed [5.0 MQTT 2.2.2.2], one that comes again is a protocol error.
func (w *walk) check(id int) {
	switch {
	case id >= int(propEnd) || properties[id].in == 0:
		w.c.fail(Error{Field: "property identifier", Offset: w.at, Reason: "is unknown", Clause: "MQTT 2.2.2.2"})
	case properties[id].in&(1<<w.in) == 0:
		w.c.fail(Error{Field: property(id).name(), Offset: w.at, Reason: "is not a property of this packet", Clause: "MQTT 2.2.2.2"})
	case w.seen&(1<<id) != 0 && !w.repeats(property(id)):
		w.refuse(property(id), "is there twice", "")
	}
	w.seen |= 1 << id
}

// repeats: user properties may come again, and in the PUBLISH of a server so
// may subscription identifiers [5.0 MQTT 3.3.2.3.8].
func (w *walk) repeats(id property) bool {
	return id == propUser || id == propSubscriptionID && w.in == TypePublish
}

// refuse fails by a property that is well formed and not allowed.
func (w *walk) refuse(id property, reason, clause string) {
	if clause == "" {
		clause = propertySections[w.in]
	}
	w.c.fail(Error{Kind: ErrProtocol, Field: id.name(), Offset: w.at, Reason: reason, Clause: clause})
}

// flag reads a byte that is 0 or 1.
func (w *walk) flag() bool {
	b := w.c.byte(w.id.name())
	if b > 1 {
		w.refuse(w.id, "is neither 0 nor 1", "")
	}
	return b == 1
}

// some reads two bytes that are not 0.
func (w *walk) some() uint16 {
	n := w.c.uint16(w.id.name())
	if n == 0 && w.c.err == nil {
		w.refuse(w.id, "is 0", "")
	}
	return n
}

func (w *walk) uint16() uint16 { return w.c.uint16(w.id.name()) }
func (w *walk) uint32() uint32 { return w.c.uint32(w.id.name()) }

// text returns a copy.
func (w *walk) text() string { return string(w.c.text(w.id.name())) }

// binary returns a copy, which is not nil.
func (w *walk) binary() []byte { return append([]byte{}, w.c.binary(w.id.name())...) }

// packetSize reads four bytes that are not 0 [5.0 MQTT 3.1.2.11.4].
func (w *walk) packetSize() uint32 {
	n := w.uint32()
	if n == 0 && w.c.err == nil {
		w.refuse(w.id, "is 0", "")
	}
	return n
}

// subscriptionID reads 1 to 268,435,455 [5.0 MQTT 3.8.2.1.2].
func (w *walk) subscriptionID() uint32 {
	n := w.c.varint(w.id.name())
	if n == 0 && w.c.err == nil {
		w.refuse(w.id, "is 0", "")
	}
	return uint32(n)
}

// pass reads one of the properties that go with a message from publisher to
// subscriber, or a user property, and checks it.
func (w *walk) pass() {
	name := w.id.name()
	switch w.id {
	case propPayloadFormat:
		w.flag()
	case propContentType:
		w.c.text(name) // [5.0 MQTT-3.3.2-19]
	case propResponseTopic:
		w.c.topic(name) // [5.0 MQTT-3.3.2-13, 3.3.2-14]
	case propCorrelationData:
		w.c.binary(name)
	case propUser:
		w.c.text(name) // [5.0 MQTT-1.5.7-1]
		w.c.text(name)
	}
}

// run is a run of properties of a body that are kept as they are encoded. As
// long as they stand side by side it is a part of the body.
type run struct {
	from, to int
	own      []byte // the copy that those that stood apart make needed
}

// keep adds the property that has just been read.
func (r *run) keep(w *walk) {
	body, to := w.c.body, w.c.at
	switch {
	case r.own != nil:
		r.own = append(r.own, body[w.at:to]...)
	case r.to == r.from:
		r.from, r.to = w.at, to
	case r.to == w.at:
		r.to = to
	default:
		r.own = append(append(make([]byte, 0, to-r.from), body[r.from:r.to]...), body[w.at:to]...)
	}
}

// bytes returns the run, nil when it is empty.
func (r *run) bytes(body []byte) []byte {
	switch {
	case r.own != nil:
		return r.own
	case r.to == r.from:
		return nil
	}
	return body[r.from:r.to:r.to]
}

// method reads the name of an authentication method, which may be empty.
func (w *walk) method() *string {
	name := w.text()
	return &name
}
