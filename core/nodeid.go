package core

import (
	"errors"
	"fmt"
	"strings"
)

// BasePort is the cluster port of a node whose name ends in no digits.
const BasePort = 4370

// maxOffset keeps every derived port inside the valid range.
const maxOffset = 60000

// maxNodeID bounds a node name on the wire and in files, in bytes.
const maxNodeID = 255

// NodeID is the name of a node, name@host. It is an attribute: the identity
// of a node is its UID.
type NodeID string

// ErrNodeID is wrapped by every error of ParseNodeID.
var ErrNodeID = errors.New("not a node name of the form name@host")

// ParseNodeID checks that s is name@host with both parts present, a name of
// letters, digits, '_', '-', '.' and '~', no blanks, and at most 255 bytes.
func ParseNodeID(s string) (NodeID, error) {
	name, host, ok := strings.Cut(s, "@")
	if !ok || name == "" || host == "" || len(s) > maxNodeID {
		return "", fmt.Errorf("%q: %w", s, ErrNodeID)
	}
	if strings.Trim(name, nameChars) != "" || !validHost(host) {
		return "", fmt.Errorf("%q: %w", s, ErrNodeID)
	}
	return NodeID(s), nil
}

// validHost lets in what an address or a host name may be made of, so that a
// name can be printed and logged as it is.
func validHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return false
		}
	}
	return host != "" && strings.Trim(host, nameChars+":%") == ""
}

const nameChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.~"

// Name returns the part before '@'.
func (id NodeID) Name() string {
	name, _, _ := strings.Cut(string(id), "@")
	return name
}

// Host returns the part after '@', without brackets around an IPv6 address.
func (id NodeID) Host() string {
	_, host, _ := strings.Cut(string(id), "@")
	return strings.Trim(host, "[]")
}

// PortOffset returns the digits that end the name, modulo 60000; 0 when it
// ends in none. The sum with BasePort is the node's default cluster port.
func (id NodeID) PortOffset() int {
	name := id.Name()
	digits := name[len(strings.TrimRight(name, "0123456789")):]
	n := 0
	for _, d := range digits {
		n = (n*10 + int(d-'0')) % maxOffset
	}
	return n
}
