// Command muster-discovery-dns is the discovery strategy of a name whose
// records are the nodes: cluster.dns. A muster node starts it.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/dns/records"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(discovery.Serve(records.Info(version), records.New)) }
