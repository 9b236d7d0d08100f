// Package epmd speaks the published protocol of Erlang's port mapper (Erlang's
// manual, "Distribution Protocol", section "EPMD Protocol"): a node registers
// its name and port with the mapper of its host, and others ask that one. It
// also serves the protocol, for hosts without Erlang, and gives a transport the
// addresses that the mapper is asked for.
//
// A request is its length, two bytes big endian, and its bytes; an answer has
// no length, and the mapper closes the connection after it. Only a registration
// stays open: the node is registered as long as it does.
package epmd

import "errors"

// Port is where a mapper listens when nothing else is said.
const Port = 4369

// The errors that callers tell apart.
var (
	// ErrTaken: another node is registered by that name.
	ErrTaken = errors.New("the name is registered by another node")
	// ErrUnknown: the mapper knows no such node.
	ErrUnknown = errors.New("no such node is registered")
	// ErrProtocol: what answers is no port mapper.
	ErrProtocol = errors.New("not a port mapper")
)

// The requests and answers.
const (
	alive2Req   = 120
	alive2Resp  = 121
	alive2XResp = 118
	portReq     = 122
	portResp    = 119
	namesReq    = 110
	dumpReq     = 100
	killReq     = 107
	stopReq     = 115
)

// What a registration says beside name and port: a hidden node, which Erlang's
// own do not connect to by themselves, over TCP. Extra tells our nodes from
// Erlang's.
const (
	normalNode = 77
	hiddenNode = 72
	overTCP    = 0
	lowest     = 5
	highest    = 6
	extra      = "muster"
)

// Bounds of what is read.
const (
	maxName    = 255
	maxExtra   = 255
	maxRequest = 15 + maxName + maxExtra
	maxAnswer  = 256 << 10 // of all names
	maxNames   = 1000
)
