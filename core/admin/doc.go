// Package admin is the operator's door into a node: an HTTP API of JSON
// answers and Prometheus metrics, the unix socket that it is served on, and
// the Client that the command line uses. It shows and asks; the node decides.
package admin
