// Command muster-discovery-etcd is the discovery strategy of a key space in
// etcd, version 3: cluster.etcd. A muster node starts it.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/etcd/registry"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(discovery.Serve(registry.Info(version), registry.New)) }
