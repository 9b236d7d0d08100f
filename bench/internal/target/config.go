package target

import (
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
)

// nodeConfig is what the nodes of a cluster differ in.
type nodeConfig struct {
	number  int    // from 1
	data    string // directory
	cluster []int  // cluster ports of all nodes
	mqtt    int    // port of the listener
	tls     int    // port of the listener with TLS; 0: none
	files   Files
}

// text is the configuration file.
func (c nodeConfig) text() string {
	var seeds []string
	for i, port := range c.cluster {
		seeds = append(seeds, fmt.Sprintf("%q", fmt.Sprintf("n%d@127.0.0.1:%d", i+1, port)))
	}
	text := fmt.Sprintf(`node.name = "n%d@127.0.0.1"
node.data_dir = %q
node.port = %d
node.bind = "127.0.0.1"
node.cookie = "a-benchmark-on-loopback-keeps-no-secrets"
cluster.name = "bench"
cluster.discovery_strategy = static
cluster.static.seeds = [%s]
listeners.tcp.default.bind = "127.0.0.1:%d"
`, c.number, c.data, c.cluster[c.number-1], strings.Join(seeds, ", "), c.mqtt)
	if len(c.cluster) == 1 {
		text += "cluster.bootstrap_expect = 1\n" // there is nobody to wait for
	}
	if c.tls != 0 {
		text += fmt.Sprintf(`listeners.ssl.default.enable = on
listeners.ssl.default.bind = "127.0.0.1:%d"
listeners.ssl.default.ssl_options.certfile = %q
listeners.ssl.default.ssl_options.keyfile = %q
`, c.tls, c.files.Cert, c.files.Key)
	}
	return text
}

// freePorts finds n ports of loopback that nobody listens on, and that no
// connection of a load can take meanwhile.
func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		port, err := ports.Port()
		if err != nil {
			return nil, err
		}
		out = append(out, port)
	}
	return out, nil
}
