// Package pods is the k8s strategy: nodes are the pods behind a service, as
// its EndpointSlices list them, or the pods that a label selects. Kubernetes
// itself enters and removes them, so nothing is registered. The claim of the
// cluster is an object of the kind Lease.
package pods
