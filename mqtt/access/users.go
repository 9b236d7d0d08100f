package access

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of a users file.
const (
	maxUsers = 100_000
	maxName  = 1024 // bytes
)

// The flags that a line may have.
const (
	flagSuperuser = "superuser"
	flagDisabled  = "disabled"
)

// account is one line of a users file.
type account struct {
	hash      hash // nil: no password is the right one
	superuser bool // may publish and subscribe to everything
	disabled  bool // neither a password nor a certificate lets this user in
	line      int
}

// users is a whole users file. It is not changed once it is read.
type users struct {
	byName map[string]account
	// decoys are the hashes of the file, in its order. A name that is not in
	// the file is checked against one of them, so that it costs what a wrong
	// password costs.
	decoys []hash
	seed   maphash.Seed
}

// loadUsers reads a users file. One that holds a hash must be closed to others.
func loadUsers(path string) (*users, error) {
	text, mode, err := readFile(path)
	if err != nil {
		return nil, err
	}
	u, err := parseUsers(path, text)
	if err != nil {
		return nil, err
	}
	return u, checkMode(path, mode, u)
}

func checkMode(path string, mode fs.FileMode, u *users) error {
	if mode.Perm()&0o077 != 0 && len(u.decoys) > 0 {
		return &LineError{File: path, Err: fmt.Errorf("mode %04o lets others read the hashes, expected 0600 (chmod 600)", mode.Perm())}
	}
	return nil
}

// parseUsers reads lines of the form name:hash or name:hash:flag,flag.
func parseUsers(name, text string) (*users, error) {
	u := &users{byName: map[string]account{}, seed: maphash.MakeSeed()}
	err := eachLine(name, text, func(n int, line string) error {
		who, a, err := parseUser(line)
		if err != nil {
			return err
		}
		a.line = n
		if earlier, twice := u.byName[who]; twice {
			return fmt.Errorf("the user %s is in line %d already", strconv.Quote(who), earlier.line)
		}
		if len(u.byName) == maxUsers {
			return fmt.Errorf("more than %d users", maxUsers)
		}
		u.byName[who] = a
		if a.hash != nil {
			u.decoys = append(u.decoys, a.hash)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func parseUser(line string) (name string, a account, err error) {
	parts := strings.Split(line, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return "", a, errors.New("expected name:hash or name:hash:flags")
	}
	if err := checkName(parts[0]); err != nil {
		return "", a, err
	}
	if a.hash, err = parseHash(parts[1]); err != nil {
		return "", a, err
	}
	if len(parts) == 3 {
		err = a.parseFlags(parts[2])
	}
	return parts[0], a, err
}

// checkName returns nil for what can be a user's name in a users file.
func checkName(s string) error {
	switch {
	case s == "":
		return errors.New("found an empty user name")
	case len(s) > maxName:
		return fmt.Errorf("found a user name of %d bytes, expected at most %d", len(s), maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, control) || strings.ContainsAny(s, ":\t"):
		return fmt.Errorf("found the user name %s, expected one without colons and control characters", strconv.Quote(s))
	case s[0] == '#' || strings.TrimSpace(s) != s:
		return fmt.Errorf("found the user name %s, expected one that neither begins with # nor begins or ends with a space", strconv.Quote(s))
	}
	return nil
}

func (a *account) parseFlags(s string) error {
	for flag := range strings.SplitSeq(s, ",") {
		switch {
		case flag == flagSuperuser && !a.superuser:
			a.superuser = true
		case flag == flagDisabled && !a.disabled:
			a.disabled = true
		default:
			return fmt.Errorf("expected the flags %s and %s only, each once", flagSuperuser, flagDisabled) // what was found may be a hash
		}
	}
	return nil
}

// check reports whether a password is that of a user, who is not disabled. An
// unknown name costs as much as a known one: its decoy is always the same one,
// so that neither its own time nor a second try tells it apart.
func (u *users) check(name string, password []byte) bool {
	a, known := u.byName[name]
	h := a.hash
	if h == nil {
		h = u.decoy(name)
	}
	right := h.verify(password)
	return right && known && a.hash != nil && !a.disabled
}

// lonely stands in when no user has a password.
var lonely = argonHash{memory: argonMemory, passes: argonPasses, threads: argonThreads, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}

func (u *users) decoy(name string) hash {
	if len(u.decoys) == 0 {
		return lonely
	}
	return u.decoys[maphash.String(u.seed, name)%uint64(len(u.decoys))]
}
