// Command muster-discovery-static is the discovery strategy of a fixed list:
// cluster.static.seeds. A muster node starts it.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/static/seeds"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(discovery.Serve(seeds.Info(version), seeds.New)) }
