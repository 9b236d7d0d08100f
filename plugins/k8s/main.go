// Command muster-discovery-k8s is the discovery strategy of a Kubernetes
// cluster: cluster.k8s. A muster node starts it.
package main

import (
	"os"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/pods"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(discovery.Serve(pods.Info(version), pods.New)) }
