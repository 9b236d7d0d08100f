// Package target starts the brokers that a benchmark measures. Muster is one;
// another broker to compare with is another Target.
package target

import "context"

// Target is a cluster of brokers on this machine.
type Target interface {
	// Name tells the product and its version.
	Name() string
	// Start starts the nodes and returns when they are one cluster and take
	// clients. After an error nothing is left behind.
	Start(ctx context.Context) ([]Node, error)
	// Stop ends all nodes and removes their files. It is called once, after a
	// Start without error.
	Stop() error
}

// Node is one running broker.
type Node struct {
	Addr    string // host:port for MQTT
	TLSAddr string // for MQTT over TLS; "" when that was not asked for
	CA      string // file of the authority that signed its certificate
	PID     int
}
