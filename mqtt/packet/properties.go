package packet

// Properties are those of a message that go from its publisher to subscribers
// [5.0 MQTT 3.3.2.3]. Publish, Will and core.Extra hold them encoded; this is
// the form to make and to read them. Packets other than these may have user
// properties only, encoded the same way.
type Properties struct {
	PayloadFormat   byte // 1: the payload is UTF-8; 0: it is not said
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte // nil is none
	User            []UserProperty
}

// UserProperty is a pair of texts whose meaning is that of the applications
// [5.0 MQTT 3.3.2.3.7]; a name may come again.
type UserProperty struct{ Name, Value string }

// Append appends the properties to dst, without a length before them. User
// properties keep their order [5.0 MQTT-3.3.2-18].
func (p Properties) Append(dst []byte) []byte {
	e := encoder(dst)
	if p.PayloadFormat != 0 {
		e.byte(propPayloadFormat, p.PayloadFormat)
	}
	e.text(propContentType, p.ContentType)
	e.text(propResponseTopic, p.ResponseTopic)
	if p.CorrelationData != nil {
		e = appendBinary(append(e, byte(propCorrelationData)), p.CorrelationData)
	}
	for _, u := range p.User {
		e = appendBinary(appendBinary(append(e, byte(propUser)), u.Name), u.Value)
	}
	return e
}

// ParseProperties decodes what Append appends, and checks what comes from a
// file or another node: an error is as for a PUBLISH, with its place in b.
func ParseProperties(b []byte) (Properties, error) {
	var p Properties
	c := cursor{body: b, end: len(b), typ: TypePublish, version: Version5}
	w := walk{c: &c, in: TypePublish, all: len(b)}
	for w.next() {
		switch w.id {
		case propPayloadFormat:
			if w.flag() {
				p.PayloadFormat = 1
			}
		case propContentType:
			p.ContentType = w.text()
		case propResponseTopic:
			p.ResponseTopic = string(c.topic(fieldResponseTopic))
		case propCorrelationData:
			p.CorrelationData = w.binary()
		case propUser:
			p.User = append(p.User, UserProperty{w.text(), w.text()})
		default:
			w.refuse(w.id, "does not go to subscribers as it came", "")
		}
	}
	if err := c.done(); err != nil {
		return Properties{}, err
	}
	return p, nil
}
