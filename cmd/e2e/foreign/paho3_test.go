package foreign

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// TestPahoGo plays the scenes with the Go libraries of Eclipse Paho: one for
// 3.1.1, another for 5.0.
func TestPahoGo(t *testing.T) {
	t.Run("3.1.1", func(t *testing.T) {
		t.Run("qos", paho3QoS)
		t.Run("resume", paho3Resume)
		t.Run("will", paho3Will)
		t.Run("retained", paho3Retained)
		t.Run("order", paho3Order)
		t.Run("websocket", paho3WebSocket)
	})
	t.Run("5.0", func(t *testing.T) {
		t.Run("qos", paho5QoS)
		t.Run("resume", paho5Resume)
		t.Run("will", paho5Will)
		t.Run("retained", paho5Retained)
		t.Run("aliases", paho5Aliases)
		t.Run("shared", paho5Shared)
		t.Run("flow", paho5Flow)
	})
}

// client3 is a client of 3.1.1 that keeps what it gets.
type client3 struct {
	mqtt.Client
	t   *testing.T
	got chan string // topic qos retain payload
}

func connect3(t *testing.T, name string, change ...func(*mqtt.ClientOptions)) *client3 {
	t.Helper()
	c := &client3{t: t, got: make(chan string, 10000)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + node.MQTT).SetClientID(idOf(t, name)).SetProtocolVersion(4).
		SetAutoReconnect(false).SetOrderMatters(true).SetConnectTimeout(within)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		c.got <- fmt.Sprintf("%s %d %t %s", m.Topic(), m.Qos(), m.Retained(), m.Payload())
	})
	for _, f := range change {
		f(o)
	}
	c.Client = mqtt.NewClient(o)
	c.done(c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (c *client3) done(token mqtt.Token) {
	c.t.Helper()
	if !token.WaitTimeout(within) {
		c.t.Fatal("no answer")
	}
	if err := token.Error(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client3) want(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		if got := wait(c.t, want, c.got); got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// dialled keeps the connection, so that a test can break it.
func dialled(c **net.TCPConn) func(*mqtt.ClientOptions) {
	return func(o *mqtt.ClientOptions) {
		o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			conn, err := net.DialTimeout("tcp", u.Host, within)
			if err == nil {
				*c = conn.(*net.TCPConn)
			}
			return conn, err
		})
	}
}

func paho3QoS(t *testing.T) {
	q := connect3(t, "q")
	for granted := range byte(3) {
		s := connect3(t, fmt.Sprint("s", granted))
		topic := topicOf(t, fmt.Sprint(granted))
		s.done(s.Subscribe(topic, granted, nil))
		for qos := range byte(3) {
			q.done(q.Publish(topic, qos, false, fmt.Sprint(qos)))
			s.want(fmt.Sprintf("%s %d false %d", topic, min(qos, granted), qos))
		}
	}
}

func paho3Resume(t *testing.T) {
	lasting := func(o *mqtt.ClientOptions) { o.SetCleanSession(false) }
	q, s := connect3(t, "q"), connect3(t, "s", lasting)
	topic := topicOf(t, "t")
	s.done(s.Subscribe(topic, 2, nil))
	s.Disconnect(uint(within.Milliseconds())) // or it may take what is for the next one
	var want []string
	for i := range 20 {
		q.done(q.Publish(topic, byte(1+i%2), false, fmt.Sprint(i)))
		want = append(want, fmt.Sprintf("%s %d false %d", topic, 1+i%2, i))
	}
	connect3(t, "s", lasting).want(want...)
}

func paho3Will(t *testing.T) {
	s := connect3(t, "s")
	topic := topicOf(t, "will")
	s.done(s.Subscribe(topic, 2, nil))
	var conn *net.TCPConn
	connect3(t, "x", dialled(&conn), func(o *mqtt.ClientOptions) { o.SetWill(topic, "gone", 1, true) })
	_ = conn.Close()
	s.want(topic + " 1 false gone")
	late := connect3(t, "late")
	late.done(late.Subscribe(topic, 1, nil))
	late.want(topic + " 1 true gone")
	late.done(late.Publish(topic, 1, true, ""))
}

func paho3Retained(t *testing.T) {
	q, s := connect3(t, "q"), connect3(t, "s")
	for _, name := range []string{"a", "b"} {
		q.done(q.Publish(topicOf(t, name), 1, true, "kept"))
	}
	q.done(q.Publish(topicOf(t, "a"), 1, true, ""))
	s.done(s.Subscribe(topicOf(t, "#"), 2, nil))
	s.want(topicOf(t, "b") + " 1 true kept")
	q.done(q.Publish(topicOf(t, "b"), 2, true, "live"))
	s.want(topicOf(t, "b") + " 2 false live")
	q.done(q.Publish(topicOf(t, "b"), 1, true, ""))
}

// paho3Order: many at once, none twice, none out of its place.
func paho3Order(t *testing.T) {
	q, s := connect3(t, "q"), connect3(t, "s")
	topic := topicOf(t, "t")
	s.done(s.Subscribe(topic, 2, nil))
	var tokens []mqtt.Token
	var want []string
	for i := range 300 {
		tokens = append(tokens, q.Publish(topic, 2, false, fmt.Sprint(i)))
		want = append(want, fmt.Sprintf("%s 2 false %d", topic, i))
	}
	for _, token := range tokens {
		q.done(token)
	}
	s.want(want...)
}

func paho3WebSocket(t *testing.T) {
	web := func(o *mqtt.ClientOptions) { o.Servers = nil; o.AddBroker("ws://" + node.WebSocket + "/mqtt") }
	x := connect3(t, "x", web, func(o *mqtt.ClientOptions) { o.SetKeepAlive(30 * time.Second) })
	topic := topicOf(t, "t")
	x.done(x.Subscribe(topic, 2, nil))
	large := strings.Repeat("x", 100_000)
	for qos := range byte(3) {
		x.done(x.Publish(topic, qos, false, large))
		x.want(fmt.Sprintf("%s %d false %s", topic, qos, large))
	}
}
