package epmd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWire has a registration as Erlang's manual describes it, byte by byte.
func TestWire(t *testing.T) {
	const want = "\x00\x15x\x18\xe1H\x00\x00\x06\x00\x05\x00\x02n1\x00\x06muster"
	if got := string(request(own(Node{Name: "n1", Port: 6369}).append([]byte{alive2Req}))); got != want {
		t.Errorf("registration:\n%q, want\n%q", got, want)
	}
	r, err := parseRecord([]byte("\x18\xe1M\x00\x00\x06\x00\x05\x00\x02n1\x00\x00later"))
	if err != nil || r.node != (Node{Name: "n1", Port: 6369}) || r.kind != normalNode {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNamesAreParsed(t *testing.T) {
	text := "name a at port 1\nname b at port 65536\nrubbish\nname c@d at port 5\nname e at port 0\nname f at port 7"
	if diff := cmp.Diff([]Node{{Name: "a", Port: 1}, {Name: "f", Port: 7}}, parseNames(text)); diff != "" {
		t.Error(diff)
	}
	if n := len(parseNames(strings.Repeat("name a at port 1\n", 2*maxNames))); n != maxNames {
		t.Errorf("%d names", n)
	}
}

// TestHostileRequests: none of them ends the mapper, registers anybody or
// keeps a connection.
func TestHostileRequests(t *testing.T) {
	port := free(t)
	ours(t, port)
	c := Client{Port: port}
	good := must[*Registration](t)(c.Register(within(t), nodeNamed(1)))
	defer good.Close()
	alive := func(name string, port string) string { return "x" + port + "M\x00\x00\x06\x00\x05" + name }
	for _, text := range []string{
		"", "\x00", "\x00\x00", "\xff\xff", "\x00\x01x", "\x00\x05xabcd", "GET / HTTP/1.1\r\n\r\n", "\x00\x01\x00", "\x00\x02zz",
		string(request([]byte(alive("\x00\x03a b\x00\x00", "\x18\xe1")))), string(request([]byte(alive("\x00\x00\x00\x00", "\x18\xe1")))),
		string(request([]byte(alive("\x00\x01a\x00\x00", "\x00\x00")))), string(request([]byte(alive("\xff\xffa\x00\x00", "\x18\xe1")))),
		string(request([]byte(alive("\x00\x03a\nb\x00\x00", "\x18\xe1")))), string(request([]byte(alive("\x00\x01a\xff\xff", "\x18\xe1")))),
	} {
		conn := must[net.Conn](t)(net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		if len(answer) > 8 {
			t.Errorf("%q was answered with %q", text, answer)
		}
		_ = conn.Close()
	}
	if list := must[[]Node](t)(c.Names(within(t), "127.0.0.1")); len(list) != 1 || list[0].Name != "n1" {
		t.Errorf("%v", list)
	}
}

// TestCrowd: those who say nothing keep nobody out, neither who asks nor who
// registers, and do not end a node that is registered.
func TestCrowd(t *testing.T) {
	port := free(t)
	ours(t, port)
	c := Client{Port: port}
	node := must[*Registration](t)(c.Register(within(t), nodeNamed(1)))
	defer node.Close()
	for range maxAsking + 10 {
		silent := must[net.Conn](t)(net.Dial("tcp", c.addr("")))
		defer silent.Close()
	}
	other := must[*Registration](t)(c.Register(within(t), nodeNamed(2)))
	defer other.Close()
	if list := must[[]Node](t)(c.Names(within(t), "127.0.0.1")); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// TestCrowdMakesWay: the oldest that has not registered does.
func TestCrowdMakesWay(t *testing.T) {
	s := NewServer(nil)
	var held []net.Conn
	for range maxAsking + 1 {
		a, b := net.Pipe()
		defer b.Close()
		held = append(held, a)
		s.enter(a)
		if len(held) == 1 {
			s.add(own(nodeNamed(1)), a)
		}
	}
	if s.Refused() != 0 || len(s.asking) != maxAsking {
		t.Errorf("%d refused, %d ask", s.Refused(), len(s.asking))
	}
	late, b := net.Pipe()
	defer b.Close()
	s.enter(late)
	if _, err := held[1].Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) || s.Refused() != 1 {
		t.Errorf("the oldest is still there: %v, %d refused", err, s.Refused())
	}
	for _, c := range append(held, late) {
		s.leave(c)
	}
	if len(s.conns)+len(s.asking)+len(s.nodes) != 0 {
		t.Errorf("%d open, %d ask, %d nodes", len(s.conns), len(s.asking), len(s.nodes))
	}
}

// liar answers whatever it is asked with one text.
func liar(t *testing.T, text string) Client {
	ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = readRequest(c)
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	return Client{Port: ln.Addr().(*net.TCPAddr).Port}
}

// TestLiars: what is no port mapper is called that.
func TestLiars(t *testing.T) {
	for _, text := range []string{"", "w", "HTTP/1.1 400 Bad Request\r\n\r\n", "w\x00\x00", "w\x00\x18\xe1M\x00\x00\x06\x00\x05\xff\xffn1", strings.Repeat("w\x00", 1<<18)} {
		c := liar(t, text)
		if _, err := c.Lookup(within(t), "127.0.0.1", "n1"); !errors.Is(err, ErrProtocol) {
			t.Errorf("%.20q: lookup: %v", text, err)
		}
		if list, err := c.Names(within(t), "127.0.0.1"); len(list) > 0 {
			t.Errorf("%.20q: names: %v, %v", text, list, err)
		}
		if _, err := c.Register(within(t), nodeNamed(1)); err == nil {
			t.Errorf("%.20q: registered", text)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(own(nodeNamed(1)).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := parseRecord(r.append(nil))
		if err != nil || again != r || !validName(r.node.Name) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
		if got := parseNames(nameLine(r.node)); len(got) != 1 || got[0].Name != r.node.Name {
			t.Errorf("%+v is listed as %+v", r.node, got)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(request([]byte{namesReq}))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readRequest(bytes.NewReader(b))
		if err == nil && (len(body) == 0 || len(body) > maxRequest || !bytes.HasPrefix(b[2:], body)) {
			t.Errorf("%x of %x", body, b)
		}
	})
}
