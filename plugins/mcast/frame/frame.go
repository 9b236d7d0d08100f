// Package frame is what nodes say to a multicast group, byte by byte: version 1
// of the frame that README.md of this module lays out. It decides nothing and
// touches no network.
package frame

import (
	"errors"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// MaxSize is the most bytes of a frame: it fits whole into one packet of any
// network that carries IPv6.
const MaxSize = 1200

// Bounds of what a frame says.
const (
	// MaxLifetime bounds Frame.Lifetime.
	MaxLifetime  = time.Minute
	maxName      = 255
	maxHost      = 253 // RFC 1035, 2.3.4
	maxEndpoints = 16
)

// Kind is what a frame is for.
type Kind uint8

// The kinds of frames, numbered as on the wire.
const (
	// Announcement says where a node is, for as long as its Lifetime.
	Announcement Kind = iota + 1
	// Farewell takes the announcements of a node back.
	Farewell
	// Question asks the others to announce themselves soon, and says nothing
	// of the node that asks.
	Question
)

// Frame is what one node says once.
type Frame struct {
	Kind Kind
	// Asks makes an Announcement a Question as well; a Question always asks.
	Asks bool
	// UID and Incarnation are those of the node that speaks.
	UID         UID
	Incarnation uint64
	// Time is the wall clock of the node, in nanoseconds since 1970.
	Time time.Time
	// Nonce is random and of this frame alone.
	Nonce [16]byte

	// What follows is of an Announcement.

	// Lifetime is from 1 ms to MaxLifetime, in whole milliseconds.
	Lifetime time.Duration
	Name     string // name@host
	// Endpoints are 1 to 16, the most useful first.
	Endpoints []discovery.Endpoint
}

// The reasons why bytes are not a Frame of our cluster, in the order in which
// they are found out.
var (
	ErrStrange   = errors.New("not a frame of muster")
	ErrVersion   = errors.New("a frame of another version")
	ErrCluster   = errors.New("a frame of another cluster")
	ErrForged    = errors.New("a frame under another key")
	ErrMalformed = errors.New("a malformed frame under our key")
)
