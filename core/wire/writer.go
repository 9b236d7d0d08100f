package wire

import (
	"encoding/binary"

	"github.com/muster-mqtt/muster/core"
)

func putUvarint[T ~uint64 | ~uint32 | ~uint16 | ~uint8](dst []byte, v T) []byte {
	return binary.AppendUvarint(dst, uint64(v))
}

func putBytes[T ~string | ~[]byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func putUID(dst []byte, u core.UID) []byte { return append(dst, u[:]...) }

func putUIDs(dst []byte, list []core.UID) []byte {
	dst = putUvarint(dst, uint64(len(list)))
	for _, u := range list {
		dst = putUID(dst, u)
	}
	return dst
}

func putToken(dst []byte, t core.Token) []byte {
	return putUID(putUvarint(dst, t.Stamp), t.UID)
}

func putCluster(dst []byte, c core.Cluster) []byte {
	dst = putUID(dst, c.UID)
	dst = append(dst, bit(c.Claimed, 0))
	return putUvarint(dst, c.Founded)
}

// bit returns a byte with bit n set when on.
func bit(on bool, n int) byte {
	if on {
		return 1 << n
	}
	return 0
}
