// Package journal is the append-only log of a data directory: what was
// appended and reported as written is found again, in order, by the next
// start, whenever the process was killed. It implements core.Journal.
//
// The directory holds segments, named by their number. A segment is a header
// and batches; a batch is what one write(2) put down, and stands or falls as a
// whole:
//
//	header  "musterj" version | number | first sequence | mark | CRC-32C
//	batch   mark | length | sequence | CRC-32C | records
//	record  kind | length (uvarint) | bytes
//
// Integers are little-endian. The mark is random for each segment, so that no
// content can look like the beginning of a batch. Sequence numbers count
// batches across all segments without a gap.
//
// A new segment is begun when the log has grown too much. The owners then
// append the whole of their state, piece by piece, each piece under the lock
// of what it describes, while the log goes on: a record about X that comes
// after the whole state of X applies to it, and one that comes before it in
// the same segment is contained in it. Owners therefore ignore records about
// what they have not met, and what a checkpoint writes refers to nothing that
// was appended before that checkpoint began. When all have ended, an end record is written and
// synced, and the older segments are deleted. Until then both are there, and
// replaying them in order gives the same state.
package journal
