package retained

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/core"
)

// Buckets is how many parts the topics are divided into for comparison.
const Buckets = 256

// Sums are the sums of the messages of each bucket; tombstones are not in
// them.
type Sums [Buckets]uint64

// Sums returns those of the present.
func (s *Store) Sums() Sums { return s.sums }

// hashOf is the first 8 bytes, the lowest first, of SHA-256(seed ∥ topic).
func hashOf(seed *[32]byte, t core.Topic) uint64 {
	var space [256]byte
	h := sha256.Sum256(append(append(space[:0], seed[:]...), t...))
	return binary.LittleEndian.Uint64(h[:])
}

// bucketOf is the lowest byte of the hash.
func bucketOf(hash uint64) uint8 { return uint8(hash) }

// sumOf is what a message adds to the sum of its bucket: four numbers mixed
// one after the other.
func sumOf(hash uint64, t core.Token) uint64 {
	h := mix(hash ^ uint64(t.Stamp))
	h = mix(h ^ binary.LittleEndian.Uint64(t.UID[:8]))
	return mix(h ^ binary.LittleEndian.Uint64(t.UID[8:]))
}

// mix spreads the bits of a number: the finalizer of SplitMix64.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// keyBytes is what a key takes in a message beyond its topic, at most.
const keyBytes = 32

// sorted returns the messages of a bucket whose topics lie behind after and
// not behind until ("" means no end), in the order of their bytes.
func (s *Store) sorted(bucket uint8, after, until core.Topic) []*entry {
	var out []*entry
	for _, e := range s.buckets[bucket] {
		if e.topic > after && (until == "" || e.topic <= until) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return strings.Compare(string(a.topic), string(b.topic)) })
	return out
}

// list returns the next range of a bucket, of some ChunkBytes.
func (s *Store) list(bucket uint8, after core.Topic) List {
	l := List{Bucket: bucket, After: after}
	room := s.opts.ChunkBytes
	for _, e := range s.sorted(bucket, after, "") {
		if room <= 0 {
			l.Until = l.Keys[len(l.Keys)-1].Topic
			break
		}
		l.Keys = append(l.Keys, Key{Topic: e.topic, Token: e.token})
		room -= len(e.topic) + keyBytes
	}
	return l
}
