package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// answerTime bounds the wait for an answer of a node to a client.
const answerTime = 10 * time.Second

// client is an MQTT client: the one of the Eclipse Paho project, which has
// nothing in common with the code of the broker.
type client struct {
	name string
	at   *node
	conn mqtt.Client
}

// connect connects a client that puts what it receives into the mail.
func connect(ctx context.Context, name string, at *node, m *mail) (*client, error) {
	o := mqtt.NewClientOptions().
		AddBroker("tcp://" + at.addr()).
		SetClientID(name).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectTimeout(answerTime).
		SetDefaultPublishHandler(func(_ mqtt.Client, got mqtt.Message) { m.deliver(name, string(got.Payload())) })
	c := &client{name: name, at: at, conn: mqtt.NewClient(o)}
	if err := done(ctx, c.conn.Connect()); err != nil {
		return nil, fmt.Errorf("%s connects to %s: %w", name, at.addr(), err)
	}
	return c, nil
}

// subscribe returns when the node has granted all filters at QoS 1.
func (c *client) subscribe(ctx context.Context, filters []string) error {
	for _, f := range filters {
		if err := done(ctx, c.conn.Subscribe(f, 1, nil)); err != nil {
			return fmt.Errorf("%s subscribes to %s: %w", c.name, f, err)
		}
	}
	return nil
}

// publish returns when the node has taken the message; at QoS 1, when it has
// acknowledged it.
func (c *client) publish(ctx context.Context, p publication, payload string) error {
	if err := done(ctx, c.conn.Publish(p.topic, p.qos, false, payload)); err != nil {
		return fmt.Errorf("%s publishes to %s: %w", c.name, p.topic, err)
	}
	return nil
}

func (c *client) disconnect() { c.conn.Disconnect(100) }

// done waits for a request of a client to be answered.
func done(ctx context.Context, t mqtt.Token) error {
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("no answer within %v", answerTime)
	}
}

// short is the name of a node without its host.
func (n *node) short() string {
	name, _, _ := strings.Cut(n.name, "@")
	return name
}
