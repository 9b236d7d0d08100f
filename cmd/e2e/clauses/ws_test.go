package clauses

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestWebSocket holds section 6 of both versions, over a WebSocket client as
// small as it can be.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	act(t, both,
		scene{"subprotocol", wsSubprotocol},
		scene{"binary", wsBinary},
		scene{"text-frame", wsText},
		scene{"any-frames", wsAnyFrames},
		scene{"hostile-frames", wsHostile},
	)
}

// Kinds of WebSocket frames [RFC 6455, 5.2].
const (
	wsContinue byte = 0
	wsTextKind byte = 1
	wsBinKind  byte = 2
	wsClose    byte = 8
	wsPing     byte = 9
	wsPong     byte = 10
	wsFin      byte = 0x80
)

// upgrade asks for a WebSocket with these subprotocols, none if empty.
func (p *play) upgrade(protocols string) (net.Conn, *bufio.Reader, *http.Response) {
	p.Helper()
	c, err := net.DialTimeout("tcp", p.node().WebSocket, within)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(within))
	header := "Sec-WebSocket-Protocol: " + protocols + "\r\n"
	if protocols == "" {
		header = ""
	}
	fmt.Fprintf(c, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", p.node().WebSocket, header)
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		p.Fatalf("protocols %q: %v", protocols, err)
	}
	return c, r, answer
}

func wsSubprotocol(p *play) {
	for _, offered := range []string{"mqtt", "mqttv3.1, mqtt", "other, mqtt"} {
		if _, _, answer := p.upgrade(offered); answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
			p.Errorf("offered %q: %s, %q", offered, answer.Status, answer.Header.Get("Sec-WebSocket-Protocol"))
		}
	}
	for _, offered := range []string{"", "other"} {
		_, r, answer := p.upgrade(offered)
		if answer.StatusCode == http.StatusSwitchingProtocols {
			if b, err := r.ReadByte(); err == nil && b&15 != wsClose {
				p.Errorf("offered %q: %s, and %x", offered, answer.Status, b)
			}
		}
	}
}

// tunnel is a connection in WebSocket frames: it writes each time a frame of a
// kind, and reads what is in binary frames.
type tunnel struct {
	net.Conn
	r    *bufio.Reader
	left bytes.Buffer
}

// wsFrame is one masked frame of a client.
func wsFrame(first byte, payload []byte) []byte {
	length := []byte{byte(len(payload)) | 0x80}
	if len(payload) > 125 {
		length = append([]byte{126 | 0x80}, u16(len(payload))...)
	}
	mask := []byte{1, 2, 3, 4}
	masked := make([]byte, len(payload))
	for i, b := range payload {
		masked[i] = b ^ mask[i%4]
	}
	return cat([]byte{first}, length, mask, masked)
}

// Write sends b as one binary frame.
func (c *tunnel) Write(b []byte) (int, error) {
	if _, err := c.Conn.Write(wsFrame(wsFin|wsBinKind, b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read reads from binary frames; a close frame is the end.
func (c *tunnel) Read(b []byte) (int, error) {
	for c.left.Len() == 0 {
		kind, payload, err := c.frame()
		switch {
		case err != nil:
			return 0, err
		case kind == wsClose:
			return 0, io.EOF
		case kind == wsBinKind || kind == wsContinue:
			c.left.Write(payload)
		case kind != wsPong && kind != wsPing:
			return 0, fmt.Errorf("a frame of kind %d from the server [MQTT-6.0.0-1]", kind)
		}
	}
	return c.left.Read(b)
}

func (c *tunnel) frame() (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1] & 127)
	wide := map[uint64]int{126: 2, 127: 8}[length]
	if wide > 0 {
		b := make([]byte, 8)
		if _, err := io.ReadFull(c.r, b[8-wide:]); err != nil {
			return 0, nil, err
		}
		length = binary.BigEndian.Uint64(b)
	}
	if head[1]&0x80 != 0 || head[0]&0x70 != 0 || length > 1<<24 {
		return 0, nil, fmt.Errorf("a frame of a server that begins with %x", head)
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(c.r, payload)
	return head[0] & 15, payload, err
}

// web joins over a WebSocket.
func (p *play) web(name string) (*peer, *tunnel) {
	p.Helper()
	c, r, answer := p.upgrade("mqtt")
	if answer.StatusCode != http.StatusSwitchingProtocols {
		p.Fatal(answer.Status)
	}
	t := &tunnel{Conn: c, r: r}
	x := &peer{play: p, v: p.v, id: p.id(name), conn: t, r: bufio.NewReader(t)}
	x.send(connect{v: p.v, id: x.id, clean: true}.bytes())
	if got := x.want(connackType); got.reason != 0 {
		p.Fatalf("got %s", got)
	}
	x.joined = true
	return x, t
}

func wsBinary(p *play) {
	x, _ := p.web("x")
	q := p.join("q")
	x.on(p.topic("t"), 1)
	for _, payload := range []string{"", "small", strings.Repeat("m", 200), strings.Repeat("l", 70_000)} {
		q.say(p.topic("t"), payload)
		x.take(p.topic("t"), payload)
	}
	q.on(p.topic("u"), 1)
	x.say(p.topic("u"), strings.Repeat("u", 60_000))
	q.take(p.topic("u"), strings.Repeat("u", 60_000))
	x.nothing()
	x.send(disconnect)
	x.closed()
}

// wsText: a text frame ends the connection, whatever is in it.
func wsText(p *play) {
	for _, payload := range [][]byte{pingreq, []byte("hello")} {
		x, t := p.web("x")
		_, _ = t.Conn.Write(wsFrame(wsFin|wsTextKind, payload))
		for got, err := x.poll(within); !over(err); got, err = x.poll(within) {
			if err != nil || got.typ == pingrespType {
				p.Fatalf("got %s, %v", got, err)
			}
		}
	}
}

// wsAnyFrames: packets and frames have nothing to do with each other.
func wsAnyFrames(p *play) {
	x, t := p.web("x")
	many := cat(subscribe(p.v, 1, nil, sub{p.topic("t"), 0}), pingreq, publish{topic: p.topic("t"), payload: "m"}.bytes(p.v), pingreq)
	for range 2 {
		x.send(many)
		got := map[byte]int{}
		for range 4 {
			got[x.next().typ]++
		}
		if got[subackType] != 1 || got[pingrespType] != 2 || got[publishType] != 1 {
			p.Fatalf("got %v", got)
		}
	}
	for _, b := range cat(pingreq, publish{topic: p.topic("t"), payload: "m"}.bytes(p.v)) {
		x.send([]byte{b})
	}
	x.want(pingrespType)
	x.receive(p.topic("t"), "m")
	// One message of WebSocket in fragments, with a ping between and empty
	// ones.
	_, _ = t.Conn.Write(cat(wsFrame(wsBinKind, pingreq[:1]), wsFrame(wsFin|wsPing, []byte("?")), wsFrame(wsContinue, nil), wsFrame(wsFin|wsContinue, pingreq[1:]), wsFrame(wsFin|wsBinKind, nil)))
	x.want(pingrespType)
	x.nothing()
}

// wsHostile: frames that are none, or too long, end their connection only.
func wsHostile(p *play) {
	w := p.join("w")
	for _, bytes := range [][]byte{
		{0x82, 0x02, 0xc0, 0x00},                                     // not masked
		{0xf2, 0x80, 1, 2, 3, 4},                                     // reserved bits
		{0x83, 0x80, 1, 2, 3, 4},                                     // an unknown kind
		{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // no such length
		{0x80, 0x80, 1, 2, 3, 4},                                     // a continuation of nothing
		{0x82, 0xff, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
	} {
		x, t := p.web("x")
		_, _ = t.Conn.Write(bytes)
		x.hushWeb(t)
		w.nothing()
	}
}

// hushWeb says that nothing more will be sent, and waits for the end.
func (x *peer) hushWeb(t *tunnel) {
	x.Helper()
	_ = t.Conn.(*net.TCPConn).CloseWrite()
	_ = t.Conn.SetReadDeadline(time.Now().Add(within))
	if _, err := io.Copy(io.Discard, t.r); err != nil && !over(err) {
		x.Fatal(err)
	}
}
