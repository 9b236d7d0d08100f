package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dialWS connects a client that is not ours.
func dialWS(t *testing.T, url string, trust *tls.Config) *websocket.Conn {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(tr.CloseIdleConnections)
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// TestForeignClient: a stream goes both ways whole, whatever frames it comes
// in, with pings between them [MQTT-6.0.0-1, MQTT-6.0.0-2, MQTT-6.0.0-4].
func TestForeignClient(t *testing.T) {
	addr, seen := echo(t, Options{WebSocket: &WebSocket{}})
	c := dialWS(t, "ws://"+addr+"/mqtt", nil)
	if c.Subprotocol() != "mqtt" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	if (<-seen).(interface{ CertName() string }).CertName() != "" {
		t.Error("a name without a certificate")
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	nc := websocket.NetConn(ctx, c, websocket.MessageBinary)
	for _, size := range []int{1, 125, 126, 4090, 5000, 70000, 300000} {
		if !echoes(nc, strings.Repeat("x", size)) {
			t.Fatalf("%d bytes did not come back", size)
		}
	}
	w, err := c.Writer(ctx, websocket.MessageBinary)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"a message", " in several", " frames"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("a message in several frames"))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != "a message in several frames" {
		t.Errorf("%q %v", got, err)
	}
}

func TestPingAndClose(t *testing.T) {
	addr, _ := echo(t, Options{WebSocket: &WebSocket{}})
	c := dialWS(t, "ws://"+addr+"/mqtt", nil)
	read := make(chan error, 1)
	go func() {
		_, _, err := c.Read(t.Context())
		read <- err
	}()
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("no pong: %v", err)
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("the close was not answered: %v", err)
	}
	<-read
}

// TestBreachesAreTold: the client learns why it is cut off.
func TestBreachesAreTold(t *testing.T) {
	addr, _ := echo(t, Options{WebSocket: &WebSocket{MaxFrame: 100}})
	for want, send := range map[websocket.StatusCode]func(c *websocket.Conn) error{
		websocket.StatusUnsupportedData: func(c *websocket.Conn) error { return c.Write(t.Context(), websocket.MessageText, []byte("x")) },
		websocket.StatusMessageTooBig:   func(c *websocket.Conn) error { return c.Write(t.Context(), websocket.MessageBinary, make([]byte, 101)) },
	} {
		c := dialWS(t, "ws://"+addr+"/mqtt", nil)
		if err := send(c); err != nil {
			t.Error(err)
		}
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestOverTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	o := ca.server("broker")
	o.CAFile, o.VerifyPeer, o.Name = ca.file, true, CommonName
	addr, seen := echo(t, Options{WebSocket: &WebSocket{Path: "/x"}, TLS: mustTLS(t, o)})
	c := dialWS(t, "wss://"+addr+"/x", ca.client(named("alice")))
	if name := (<-seen).(interface{ CertName() string }).CertName(); name != "alice" {
		t.Errorf("the client is %q", name)
	}
	if !echoes(websocket.NetConn(t.Context(), c, websocket.MessageBinary), strings.Repeat("x", 100000)) {
		t.Error("nothing comes back")
	}
}

// TestUpgradeRefusals: what is no request to speak MQTT gets an answer that
// says so [MQTT-6.0.0-3].
func TestUpgradeRefusals(t *testing.T) {
	addr, _ := echo(t, Options{WebSocket: &WebSocket{}})
	good := "GET /mqtt HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, mqtt\r\n\r\n"
	for _, c := range []struct {
		old, new string
		want     int
	}{
		{"", "", 101},
		{"/mqtt ", "/mqtt?x=1 ", 101},
		{"GET /mqtt", "GET /", 404},
		{"GET", "POST", 400},
		{"HTTP/1.1", "HTTP/1.0", 400},
		{"Host: h\r\n", "Host: h\r\nContent-Length: 5\r\n", 400},
		{"Host: h\r\n", "Host: h\r\nTransfer-Encoding: chunked\r\n", 400},
		{"keep-alive, Upgrade", "keep-alive", 426},
		{"Upgrade: WebSocket\r\n", "", 426},
		{"Version: 13", "Version: 8", 426},
		{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400},
		{"dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400},
		{"chat, mqtt", "chat", 400},
		{"Sec-WebSocket-Protocol: chat, mqtt\r\n", "", 400},
		{"Host: h\r\n", "Host: h\r\nX: " + strings.Repeat("x", maxRequest) + "\r\n", 431},
		{good, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00\r\n\r\n", 400},
	} {
		status, header := ask(t, addr, strings.Replace(good, c.old, c.new, 1))
		if status != c.want {
			t.Errorf("%q instead of %q: %d, want %d", c.new, c.old, status, c.want)
		}
		if c.want == 101 && (header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || header.Get("Sec-WebSocket-Protocol") != "mqtt") {
			t.Errorf("%v", header) // the example of RFC 6455 section 1.3
		}
	}
}

func ask(t *testing.T, addr, request string) (int, http.Header) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%.100q: %v", request, err)
		return 0, nil
	}
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header
}

// TestPipelined: a client may send at once what belongs behind the handshake.
func TestPipelined(t *testing.T) {
	addr, _ := echo(t, Options{WebSocket: &WebSocket{}})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET /mqtt HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n%s", binaryFrame("early"))
	in := bufio.NewReader(c)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "\x82\x05early" {
		t.Errorf("%q %v", got, err)
	}
}

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if there, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	return here, there
}

func framed(c net.Conn) *frames {
	last := &lastWords{Conn: c}
	return newFrames(last, frameOptions{last: last, max: 1000})
}

// TestReadDeadline: it interrupts a read, and the connection goes on.
func TestReadDeadline(t *testing.T) {
	here, there := pair(t)
	f := framed(here)
	_, _ = there.Write(binaryFrame("x")[:3])
	_ = f.SetDeadline(time.Unix(1, 0))
	if _, err := f.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	_ = f.SetDeadline(time.Time{})
	_, _ = there.Write(binaryFrame("x")[3:])
	b := make([]byte, 10)
	if n, err := f.Read(b); err != nil || string(b[:n]) != "x" {
		t.Errorf("%q %v", b[:n], err)
	}
	if n, err := f.Read(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// TestEndAfterData: what came before the close is read first.
func TestEndAfterData(t *testing.T) {
	here, there := pair(t)
	f := framed(here)
	_, _ = there.Write(append(binaryFrame("last"), masked(0x88, [4]byte{}, []byte{3, 232})...))
	b := make([]byte, 100)
	if n, err := f.Read(b); string(b[:n]) != "last" {
		t.Errorf("%q %v", b[:n], err)
	}
	for range 2 {
		if n, err := f.Read(b); n != 0 || err != io.EOF {
			t.Error(n, err)
		}
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write behind the close: %v", err)
	}
	n, _ := io.ReadFull(there, b[:4])
	if string(b[:n]) != "\x88\x02\x03\xe8" {
		t.Errorf("the close was answered by %q", b[:n])
	}
}

// script is a connection of which the client's side is written down.
type script struct {
	net.Conn
	in  *strings.Reader
	out strings.Builder
}

func (s *script) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error) { return s.out.Write(b) }

// FuzzUpgrade: any request is answered by one answer, or by none when it does
// not end, and what is taken offers the subprotocol.
func FuzzUpgrade(f *testing.F) {
	f.Add("GET /mqtt HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n\x82\x00")
	f.Add("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
	f.Fuzz(func(t *testing.T, request string) {
		s := &script{in: strings.NewReader(request)}
		rest, err := (&WebSocket{}).upgrade(s)
		answer := s.out.String()
		switch {
		case err == nil && (!strings.HasPrefix(answer, "HTTP/1.1 101 ") || !strings.HasSuffix(request[:len(request)-s.in.Len()], string(rest)) || !strings.Contains(strings.ToLower(request), "mqtt")):
			t.Fatalf("%q is taken, answered by %q, and %q is left", request, answer, rest)
		case err != nil && answer != "" && !strings.HasPrefix(answer, "HTTP/1.1 4"):
			t.Fatalf("%v is answered by %q", err, answer)
		}
	})
}
