//go:build linux

package split

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/muster-mqtt/muster/lab"
)

// clientWord makes the test binary an MQTT client: what runs in a host must be
// a program of its own.
const clientWord = "be-an-mqtt-client"

// beClient connects to the broker on its host and subscribes with the given
// filters. Each line of standard input "topic payload" is published at QoS 1;
// standard output tells what happens, a line each.
func beClient(id string, filters []string) int {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	o := mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:1883").SetClientID(id).SetAutoReconnect(false)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { say("got %s=%s", m.Topic(), m.Payload()) })
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { say("lost %v", err) })
	c := mqtt.NewClient(o)
	if t := c.Connect(); t.Wait() && t.Error() != nil {
		say("lost %v", t.Error())
		return 1
	}
	for _, f := range filters {
		if t := c.Subscribe(f, 1, nil); t.Wait() && t.Error() != nil {
			say("lost %v", t.Error())
			return 1
		}
	}
	say("up")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		topic, payload, _ := strings.Cut(lines.Text(), " ")
		if t := c.Publish(topic, 1, false, payload); t.Wait() && t.Error() == nil {
			say("acked %s=%s", topic, payload)
		}
	}
	c.Disconnect(0)
	return 0
}

// client is such a process, as the test sees it.
type client struct {
	t     *testing.T
	stdin io.WriteCloser
	lines chan string
}

func newClient(t *testing.T, h *lab.Host, id string, filters ...string) *client {
	t.Helper()
	cmd := h.Command(os.Args[0], append([]string{clientWord, id}, filters...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, stdin: in, lines: make(chan string, 1024)}
	t.Cleanup(func() { c.end(cmd) })
	go func() {
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	c.expect("up")
	return c
}

func (c *client) end(cmd *exec.Cmd) {
	_ = c.stdin.Close()
	for range c.lines { // until its output ends, so that Wait loses nothing
	}
	if err := cmd.Wait(); err != nil {
		c.t.Errorf("client: %v", err)
	}
}

// publish publishes at QoS 1.
func (c *client) publish(topic, payload string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.stdin, topic, payload); err != nil {
		c.t.Fatal(err)
	}
}

// expect fails the test unless the client tells exactly these things next, in
// any order.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for len(want) > 0 {
		select {
		case line := <-c.lines:
			i := slices.Index(want, line)
			if i < 0 {
				c.t.Fatalf("the client says %q, want one of %q", line, want)
			}
			want = slices.Delete(want, i, i+1)
		case <-time.After(time.Minute):
			c.t.Fatalf("the client does not say %q", want)
		}
	}
}
