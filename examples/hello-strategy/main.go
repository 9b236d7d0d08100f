// Command muster-discovery-hello is a discovery plugin of muster: the strategy
// hello, which answers with the addresses in a file and watches it. It is an
// example of a plugin by somebody who has nothing but the kit.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
)

func main() { os.Exit(discovery.Serve(info, configure)) }

var info = discovery.Info{
	Name: "hello", Version: "1.0.0",
	Capabilities: []discovery.Capability{discovery.CanWatch},
	ConfigSchema: []byte(`{"type": "object", "additionalProperties": false, "required": ["file"],
		"properties": {"file": {"type": "string", "description": "absolute path of the file of addresses"}}}`),
}
