// Package rest asks a Kubernetes API server, as far as the k8s strategy needs
// it: JSON over HTTP/1.1, one object or one page at a time, and watches. It
// never follows a redirect, never uses a proxy, and never sends a token over
// anything but TLS with a server that the given authority vouches for.
package rest
