package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// foreign returns a connected client of another project.
func (f *fixture) foreign(id string, clean bool) paho.Client {
	f.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + f.ln.Addr().String()).
		SetClientID(id).SetCleanSession(clean).SetProtocolVersion(4).SetAutoReconnect(false).
		SetOrderMatters(true)
	c := paho.NewClient(o)
	done(f, c.Connect())
	return c
}

func done(t testing.TB, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(time.Minute) {
		t.Fatal("timeout")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// TestForeignClient publishes and subscribes with the Eclipse Go client.
func TestForeignClient(t *testing.T) {
	f := onTCP(t, Limits{})
	got := make(chan string, 1000)
	sub := f.foreign("sub", true)
	defer sub.Disconnect(0)
	done(t, sub.Subscribe("s/+/x", 1, func(_ paho.Client, m paho.Message) {
		got <- fmt.Sprintf("%s %d %s", m.Topic(), m.Qos(), m.Payload())
	}))
	pub := f.foreign("pub", true)
	defer pub.Disconnect(0)
	for i := range 500 {
		token := pub.Publish("s/1/x", byte(i%2), false, fmt.Sprint(i))
		if i%100 == 99 {
			done(t, token)
		}
	}
	for i := range 500 {
		if m := receive(t, got); m != fmt.Sprintf("s/1/x %d %d", i%2, i) {
			t.Fatalf("message %d: %s", i, m)
		}
	}
	done(t, sub.Unsubscribe("s/+/x"))
	if n := f.cluster.subscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

func receive(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(time.Minute):
		t.Fatal("timeout")
		return ""
	}
}

// TestForeignSession: a persistent session of that client.
func TestForeignSession(t *testing.T) {
	f := onTCP(t, Limits{})
	c := f.foreign("sub", false)
	done(t, c.Subscribe("q", 1, nil))
	c.Disconnect(0)
	pub := f.foreign("pub", true)
	defer pub.Disconnect(0)
	for i := range 10 {
		done(t, pub.Publish("q", 1, false, fmt.Sprint(i)))
	}
	got := make(chan string, 10)
	o := paho.NewClientOptions().AddBroker("tcp://" + f.ln.Addr().String()).SetClientID("sub").
		SetCleanSession(false).SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) })
	c = paho.NewClient(o)
	token := c.Connect().(*paho.ConnectToken)
	done(t, token)
	defer c.Disconnect(0)
	if !token.SessionPresent() {
		t.Error("no session")
	}
	for i := range 10 {
		if m := receive(t, got); m != fmt.Sprint(i) {
			t.Errorf("message %d: %s", i, m)
		}
	}
}

// TestMosquitto publishes and subscribes with the mosquitto clients.
func TestMosquitto(t *testing.T) {
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("skip: %s is not installed", name)
		}
	}
	f := onTCP(t, Limits{})
	host, port, _ := net.SplitHostPort(f.ln.Addr().String())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	sub := exec.CommandContext(ctx, "mosquitto_sub", "-V", "mqttv311", "-h", host, "-p", port, "-t", "m/#", "-q", "1", "-C", "50")
	sub.Stdout = &out
	visible := make(chan struct{})
	f.cluster.set(func() { f.cluster.onSub = func() { close(visible) } })
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	<-visible
	var want strings.Builder
	for i := range 50 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	pub := exec.CommandContext(ctx, "mosquitto_pub", "-V", "mqttv311", "-h", host, "-p", port, "-t", "m/1", "-q", "1", "-l")
	pub.Stdin = strings.NewReader(want.String())
	if msg, err := pub.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	if err := sub.Wait(); err != nil || out.String() != want.String() {
		t.Errorf("%v: %q", err, out.String())
	}
}

// TestMosquittoVersions: what is refused is refused in words that the client
// understands.
func TestMosquittoVersions(t *testing.T) {
	path, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		t.Skip("skip: mosquitto_pub is not installed")
	}
	f := onTCP(t, Limits{})
	host, port, _ := net.SplitHostPort(f.ln.Addr().String())
	for _, version := range []string{"mqttv31"} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		msg, err := exec.CommandContext(ctx, path, "-V", version, "-h", host, "-p", port, "-t", "m", "-m", "x").CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(strings.ToLower(string(msg)), "version") {
			t.Errorf("%s: %v: %s", version, err, msg)
		}
	}
	f.wantCount("mqtt_connections_refused_total", "protocol_version", 1)
}
