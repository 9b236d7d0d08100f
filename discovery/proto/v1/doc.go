// Package discoveryv1 is the generated Go form of discovery.proto, the
// discovery contract version 1. Authors of Go plugins use package discovery
// instead; other languages generate from the same file.
package discoveryv1

//go:generate ./generate.sh
