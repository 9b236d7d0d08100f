package durable

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// The types of MQTT 3.1.1 packets, as in the first byte.
const (
	tConnect = 0x10
	tConnack = 0x20
	tPublish = 0x30
	tPuback  = 0x40
	tPubrec  = 0x50
	tPubrel  = 0x62
	tPubcomp = 0x70
	tSub     = 0x82
	tSuback  = 0x90
)

// wire is a connection to the node.
type wire struct {
	net.Conn
	in *bufio.Reader
}

// patience bounds the wait for any packet.
const patience = time.Minute

// dial connects with a session that is kept, and says whether there was one.
func dial(addr, id string, will []byte) (w *wire, present bool, err error) {
	flags, body := byte(0), text(nil, id)
	if will != nil {
		flags = 1<<2 | 2<<3 // QoS 2
		body = text(text(body, "will/"+id), string(will))
	}
	return enter(addr, flags, body)
}

// dialClean connects with a session that is not kept.
func dialClean(addr, id string) (w *wire, present bool, err error) {
	return enter(addr, 2, text(nil, id))
}

func enter(addr string, flags byte, body []byte) (w *wire, present bool, err error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, false, err
	}
	w = &wire{nc, bufio.NewReader(nc)}
	head := append(text(nil, "MQTT"), 4, flags, 0, 0)
	if _, err = nc.Write(framed(tConnect, append(head, body...))); err == nil {
		var typ byte
		typ, body, err = w.next()
		if err == nil && (typ != tConnack || body[1] != 0) {
			err = fmt.Errorf("CONNACK %#x %v", typ, body)
		}
	}
	if err != nil {
		_ = nc.Close()
		return nil, false, err
	}
	return w, body[0] == 1, nil
}

func text(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func framed(first byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
}

// ack is a packet of an identifier.
func ack(first byte, id uint16) []byte { return framed(first, binary.BigEndian.AppendUint16(nil, id)) }

// publish is a PUBLISH of QoS 1 or 2.
func publish(topic string, id uint16, flags byte, payload []byte) []byte {
	body := binary.BigEndian.AppendUint16(text(nil, topic), id)
	return framed(tPublish|flags, append(body, payload...))
}

// next reads a packet.
func (w *wire) next() (first byte, body []byte, err error) {
	if err := w.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	if first, err = w.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(w.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(w.in, body)
	return first, body, err
}

// message is a PUBLISH that came.
type message struct {
	topic   string
	id      uint16
	qos     byte
	payload []byte
}

func parse(first byte, body []byte) message {
	n := int(binary.BigEndian.Uint16(body))
	m := message{topic: string(body[2 : 2+n]), qos: first >> 1 & 3}
	body = body[2+n:]
	if m.qos > 0 {
		m.id, body = binary.BigEndian.Uint16(body), body[2:]
	}
	m.payload = body
	return m
}

func subscribe(id uint16, filters ...string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	for _, f := range filters {
		body = append(text(body, f), 2)
	}
	return framed(tSub, body)
}
