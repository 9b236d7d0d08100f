package wire

// Types of packets, the upper half of their first byte [MQTT-2.2.1].
const (
	Connect     = 1
	Connack     = 2
	PublishType = 3
	Puback      = 4
	Pubrec      = 5
	Pubrel      = 6
	Pubcomp     = 7
	Subscribe   = 8
	Suback      = 9
	Pingreq     = 12
	Pingresp    = 13
	Disconnect  = 14
)

// Publish is a PUBLISH packet. ID counts only at QoS 1 and 2.
type Publish struct {
	Topic   []byte
	Payload []byte
	QoS     byte
	ID      uint16
	Dup     bool
}

// AppendConnect appends a CONNECT of a clean session without keep-alive.
func AppendConnect(dst []byte, clientID string) []byte {
	dst = appendHeader(dst, Connect<<4, 10+2+len(clientID))
	dst = appendText(dst, "MQTT")
	dst = append(dst, 4, 2, 0, 0) // level 4; clean session; keep-alive 0
	return appendText(dst, clientID)
}

// AppendSubscribe appends a SUBSCRIBE with one filter.
func AppendSubscribe(dst []byte, id uint16, filter string, qos byte) []byte {
	dst = appendHeader(dst, Subscribe<<4|2, 2+2+len(filter)+1)
	dst = append(dst, byte(id>>8), byte(id))
	return append(appendText(dst, filter), qos)
}

// AppendPublish appends a PUBLISH.
func AppendPublish(dst []byte, p Publish) []byte {
	flags, size := p.QoS<<1, 2+len(p.Topic)+len(p.Payload)
	if p.Dup {
		flags |= 8
	}
	if p.QoS > 0 {
		size += 2
	}
	dst = appendHeader(dst, PublishType<<4|flags, size)
	dst = append(dst, byte(len(p.Topic)>>8), byte(len(p.Topic)))
	dst = append(dst, p.Topic...)
	if p.QoS > 0 {
		dst = append(dst, byte(p.ID>>8), byte(p.ID))
	}
	return append(dst, p.Payload...)
}

// AppendAck appends a packet that consists of an identifier: PUBACK, PUBREC,
// PUBREL (whose flags are 2, [MQTT-3.6.1-1]) or PUBCOMP.
func AppendAck(dst []byte, packetType byte, id uint16) []byte {
	first := packetType << 4
	if packetType == Pubrel {
		first |= 2
	}
	return append(dst, first, 2, byte(id>>8), byte(id))
}

// AppendEmpty appends a packet that consists of its type alone: PINGREQ,
// PINGRESP or DISCONNECT.
func AppendEmpty(dst []byte, packetType byte) []byte {
	return append(dst, packetType<<4, 0)
}

// appendHeader appends the fixed header with the remaining length [MQTT-2.2.3].
func appendHeader(dst []byte, first byte, remaining int) []byte {
	dst = append(dst, first)
	for remaining >= 0x80 {
		dst = append(dst, byte(remaining)|0x80)
		remaining >>= 7
	}
	return append(dst, byte(remaining))
}

func appendText(dst []byte, s string) []byte {
	dst = append(dst, byte(len(s)>>8), byte(len(s)))
	return append(dst, s...)
}
