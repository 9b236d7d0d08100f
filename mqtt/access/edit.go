package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// User is a line of a users file, without what is secret in it.
type User struct {
	Name      string `json:"name"`
	Password  string `json:"password"` // argon2id, bcrypt or none
	Superuser bool   `json:"superuser"`
	Disabled  bool   `json:"disabled"`
}

// The errors of a change of a users file that tell one refusal from another.
var (
	ErrUserExists  = errors.New("there is such a user already")
	ErrUserUnknown = errors.New("there is no such user")
	ErrPassword    = errors.New("expected a password of 1 to 1024 bytes")
)

// maxPassword is the longest password that is hashed, in bytes.
const maxPassword = 1024

// ListUsers returns the users of a file, in its order.
func ListUsers(path string) ([]User, error) {
	text, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parseDraft(path, text)
	if err != nil {
		return nil, err
	}
	var out []User
	for _, line := range d.lines {
		if name, a, err := parseUser(line); err == nil && d.users.byName[name].line > 0 {
			out = append(out, User{Name: name, Password: kindOf(a.hash), Superuser: a.superuser, Disabled: a.disabled})
		}
	}
	return out, nil
}

func kindOf(h hash) string {
	switch h.(type) {
	case argonHash:
		return "argon2id"
	case bcryptHash:
		return "bcrypt"
	}
	return "none"
}

// AddUser adds a user to a file, which it makes if there is none. A nil
// password is none: only a certificate lets this user in. u.Password is not
// looked at.
func AddUser(path string, u User, password []byte) error {
	if err := checkName(u.Name); err != nil {
		return err
	}
	text, err := hashText(password)
	if err != nil {
		return err
	}
	return change(path, os.O_CREATE, func(d *draft) error {
		if _, ok := d.users.byName[u.Name]; ok {
			return fmt.Errorf("%s: %w", strconv.Quote(u.Name), ErrUserExists)
		}
		d.lines = append(d.lines, lineOf(u, text))
		return nil
	})
}

// RemoveUser takes a user out of a file.
func RemoveUser(path, name string) error {
	return change(path, 0, func(d *draft) error {
		i, err := d.find(name)
		if err != nil {
			return err
		}
		d.lines = append(d.lines[:i], d.lines[i+1:]...)
		return nil
	})
}

// SetPassword gives a user of a file another password.
func SetPassword(path, name string, password []byte) error {
	text, err := hashText(password)
	if err != nil {
		return err
	}
	return change(path, 0, func(d *draft) error {
		i, err := d.find(name)
		if err != nil {
			return err
		}
		a := d.users.byName[name]
		d.lines[i] = lineOf(User{Name: name, Superuser: a.superuser, Disabled: a.disabled}, text)
		return nil
	})
}

func hashText(password []byte) (string, error) {
	switch {
	case password == nil:
		return "-", nil
	case len(password) == 0 || len(password) > maxPassword:
		return "", ErrPassword
	}
	return newHash(password).String(), nil
}

func lineOf(u User, hash string) string {
	line := u.Name + ":" + hash
	var flags []string
	if u.Superuser {
		flags = append(flags, flagSuperuser)
	}
	if u.Disabled {
		flags = append(flags, flagDisabled)
	}
	if len(flags) > 0 {
		line += ":" + strings.Join(flags, ",")
	}
	return line
}

// draft is a users file that is being changed, comments and order kept.
type draft struct {
	users *users
	lines []string
}

func parseDraft(path, text string) (*draft, error) {
	u, err := parseUsers(path, text)
	if err != nil {
		return nil, err
	}
	d := &draft{users: u}
	for line := range strings.Lines(text) {
		d.lines = append(d.lines, strings.TrimRight(line, "\r\n"))
	}
	return d, nil
}

func (d *draft) find(name string) (int, error) {
	a, ok := d.users.byName[name]
	if !ok {
		return 0, fmt.Errorf("%s: %w", strconv.Quote(name), ErrUserUnknown)
	}
	return a.line - 1, nil
}

// change rewrites a users file as a whole: a reader, or a node that is killed
// meanwhile, finds the old one or the new one. Changes exclude one another.
func change(path string, flags int, edit func(*draft) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the file itself is replaced, not the link to it
	}
	old, err := lock(path, flags)
	if err != nil {
		return &LineError{File: path, Err: cause(err)}
	}
	defer func() { _ = old.Close() }()
	text, _, err := readFile(path)
	if err != nil {
		return err
	}
	d, err := parseDraft(path, text)
	if err != nil {
		return err
	}
	if err := edit(d); err != nil {
		return err
	}
	text = strings.Join(append(d.lines, ""), "\n")
	if _, err := parseUsers(path, text); err != nil {
		return err // too many, or too large to be read again
	}
	if err := replace(path, old, text); err != nil {
		return &LineError{File: path, Err: cause(err)}
	}
	return nil
}

// lockTries is how often a file may be replaced between its opening and the
// lock on it.
const lockTries = 100

// lock opens a file and waits for the lock on it. Each change puts a new file
// under the name, so the one that was opened may be an old one by then.
func lock(path string, flags int) (*os.File, error) {
	for range lockTries {
		f, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			_ = f.Close()
			return nil, err
		}
		mine, err1 := f.Stat()
		current, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, current) {
			return f, nil
		}
		_ = f.Close()
	}
	return nil, errors.New("others change it all the time")
}

// replace writes a new file beside the old one, with its owner and with a mode
// that shuts others out, and gives it the name.
func replace(path string, old *os.File, text string) (err error) {
	info, err := old.Stat()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(text)
	if err := errors.Join(err, keepOwner(f, info), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// keepOwner matters when root changes the file of a node that runs as somebody
// else, who must be able to read it afterwards.
func keepOwner(f *os.File, old fs.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	was, ok1 := old.Sys().(*syscall.Stat_t)
	is, ok2 := now.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
