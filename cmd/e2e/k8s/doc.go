// Package k8s holds the tests of whole clusters that find one another through
// a real Kubernetes API server. It has no code of its own.
package k8s
