// Package kubetest runs a real Kubernetes API server, on an etcd in this
// process, for the tests of the k8s strategy, and breaks it. The programs are
// those that "make kube-apiserver" builds.
package kubetest
