// Command muster-discovery-mcast is the discovery strategy of a multicast
// group: nodes announce themselves to it and hear the others. A muster node
// starts it.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/announce"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(discovery.Serve(announce.Info(version), announce.New)) }
