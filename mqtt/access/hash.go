package access

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// A hash of a password. What a single check costs is bounded, since a file of
// another origin must not be able to stop the node's logins.
type hash interface {
	// verify reports whether the password is the one of the hash. It takes
	// the same time whether it is or not.
	verify(password []byte) bool
}

// The costs of new hashes: what the OWASP password storage cheat sheet names
// for argon2id, 19 MiB and two passes. One check takes some 20 ms of a core.
const (
	argonMemory  = 19 << 10 // KiB
	argonPasses  = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

// The bounds of the costs that are accepted.
const (
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonPasses  = 16
	maxArgonThreads = 16
	maxArgonText    = 64 // bytes of a salt or a key
	maxBcryptCost   = 15
)

// argonHash is argon2id (RFC 9106), version 19, with its parameters.
type argonHash struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

var _ hash = argonHash{}

func (h argonHash) verify(password []byte) bool {
	key := argon2.IDKey(password, h.salt, h.passes, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// String writes the hash in the usual form, $argon2id$v=19$m=,t=,p=$salt$key.
func (h argonHash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads, b64(h.salt), b64(h.key))
}

// bcryptHash is the text of a hash that bcrypt takes. Of a password only the
// first 72 bytes count, as with every bcrypt.
type bcryptHash string

var _ hash = bcryptHash("")

func (h bcryptHash) verify(password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), password) == nil
}

// newHash hashes a password with a salt of its own.
func newHash(password []byte) argonHash {
	h := argonHash{memory: argonMemory, passes: argonPasses, threads: argonThreads, salt: make([]byte, argonSalt)}
	_, _ = rand.Read(h.salt) // never fails (crypto/rand)
	h.key = argon2.IDKey(password, h.salt, h.passes, h.memory, h.threads, argonKey)
	return h
}

// errHash leaves the hash out: it is a secret.
var errHash = errors.New("found no hash that is known, expected $argon2id$v=19$m=…,t=…,p=…$salt$key, bcrypt's $2b$cost$… or - for no password")

// parseHash reads a hash in the usual text form. "-" gives nil: no password is
// the right one.
func parseHash(s string) (hash, error) {
	switch {
	case s == "-":
		return nil, nil
	case strings.HasPrefix(s, "$argon2id$"):
		return parseArgon(s)
	case strings.HasPrefix(s, "$2a$"), strings.HasPrefix(s, "$2b$"), strings.HasPrefix(s, "$2y$"):
		return parseBcrypt(s)
	}
	return nil, errHash
}

func parseBcrypt(s string) (hash, error) {
	cost, err := bcrypt.Cost([]byte(s))
	if err != nil || len(s) != 60 || strings.Trim(s[7:], "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, errHash
	}
	if cost > maxBcryptCost {
		return nil, fmt.Errorf("found a bcrypt hash of cost %d, expected at most %d", cost, maxBcryptCost)
	}
	return bcryptHash(s), nil
}

func parseArgon(s string) (hash, error) {
	parts := strings.Split(s, "$") // "", argon2id, v=, m=,t=,p=, salt, key
	if len(parts) != 6 || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, errHash
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return nil, errHash
	}
	m, err1 := cost(costs[0], "m=", maxArgonMemory)
	t, err2 := cost(costs[1], "t=", maxArgonPasses)
	p, err3 := cost(costs[2], "p=", maxArgonThreads)
	salt, err4 := argonText(parts[4], 8)
	key, err5 := argonText(parts[5], 16)
	if err := cmp.Or(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	if m < 8*p { // RFC 9106 section 3.1
		return nil, errHash
	}
	return argonHash{memory: m, passes: t, threads: uint8(p), salt: salt, key: key}, nil
}

// cost reads one parameter, such as t=2.
func cost(s, name string, most uint64) (uint32, error) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 || strconv.FormatUint(n, 10) != digits {
		return 0, errHash
	}
	if n > most {
		return 0, fmt.Errorf("found an argon2id hash with %s, expected at most %s%d", s, name, most)
	}
	return uint32(n), nil
}

func argonText(s string, least int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < least || len(b) > maxArgonText || strings.ContainsAny(s, "\r\n") {
		return nil, errHash
	}
	return b, nil
}
