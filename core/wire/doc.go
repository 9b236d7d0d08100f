// Package wire is what two nodes say to each other, as bytes: the hello and
// its proof, the seal of later frames, and the codec of every frame and table
// row. It does no I/O. docs/wire.md describes each frame byte by byte.
//
// A link begins with a Handshake. Its result holds the keys for a Sealer and
// an Opener; every frame from then on is made by Append or AppendLane, sealed,
// sent, opened and given to DecodeLane (when IsLane says so) or Decode.
//
// No decoder keeps a reference to its input, except DecodeLane and
// NextMessage, which say so. What a decoder allocates is bounded by the length
// of its input (at most some 15 times that, for a frame of empty rows) and not
// by what the input says of itself.
package wire

import "errors"

// ErrMalformed is wrapped by every error about bytes that cannot be decoded;
// the error names the frame and the byte. The link must be closed.
var ErrMalformed = errors.New("malformed")
