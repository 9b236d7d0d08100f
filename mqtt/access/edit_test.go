package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestChangingUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(AddUser(path, User{Name: "alice", Superuser: true}, []byte("one")))
	must(AddUser(path, User{Name: "robot"}, nil))
	must(AddUser(path, User{Name: "bob", Disabled: true}, []byte("two")))
	must(SetPassword(path, "alice", []byte("three")))
	want := []User{{"alice", "argon2id", true, false}, {"robot", "none", false, false}, {"bob", "argon2id", false, true}}
	got, err := ListUsers(path)
	if err != nil || !cmp.Equal(want, got) {
		t.Error(err, cmp.Diff(want, got))
	}
	u, err := loadUsers(path)
	if err != nil || !u.check("alice", []byte("three")) || u.check("alice", []byte("one")) {
		t.Errorf("the password of alice is not the new one: %v", err)
	}
	must(RemoveUser(path, "alice"))
	if text := read(t, path); strings.Contains(text, "alice") || !strings.HasPrefix(text, "robot:-\nbob:$argon2id$") {
		t.Error(text)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestChangeRefusals(t *testing.T) {
	text := "# kept\nalice:" + cheap("x") + ":superuser\n"
	path := file(t, text)
	for _, c := range []struct {
		err  error
		is   error
		want string
	}{
		{AddUser(path, User{Name: "alice"}, []byte("x")), ErrUserExists, `"alice": there is such a user already`},
		{AddUser(path, User{Name: "a:b"}, []byte("x")), nil, "without colons"},
		{AddUser(path, User{Name: "b"}, []byte("")), ErrPassword, ""},
		{AddUser(path, User{Name: "b"}, make([]byte, maxPassword+1)), ErrPassword, ""},
		{RemoveUser(path, "bob"), ErrUserUnknown, `"bob": there is no such user`},
		{SetPassword(path, "bob", []byte("x")), ErrUserUnknown, ""},
		{SetPassword(path, "alice", []byte{}), ErrPassword, ""},
		{RemoveUser(filepath.Join(t.TempDir(), "none"), "bob"), os.ErrNotExist, ""},
		{AddUser(filepath.Join(t.TempDir(), "none", "users"), User{Name: "b"}, []byte("x")), os.ErrNotExist, ""},
		{RemoveUser(file(t, "bad"), "bob"), nil, ":1: expected name:hash"},
	} {
		if c.err == nil || c.is != nil && !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, want %v %s", c.err, c.is, c.want)
		}
	}
	if got := read(t, path); got != text {
		t.Errorf("a refused change changed the file:\n%s", got)
	}
}

// TestChangeKeeps: comments, the order, a file behind a link.
func TestChangeKeeps(t *testing.T) {
	path := file(t, "# first\r\n\na:-\n  # second\nb:-:disabled")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(link, User{Name: "c"}, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, path), "# first\n\na:-\n  # second\nb:-:disabled\nc:-\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// TestChangeKeepsTheOwner: what root changes, the node can still read.
func TestChangeKeepsTheOwner(t *testing.T) {
	path := file(t, "a:-\n")
	if os.Getuid() != 0 {
		return // only root may give files away
	}
	if err := os.Chown(path, 12345, 12346); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(path, User{Name: "b"}, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 12345 || s.Gid != 12346 || info.Mode().Perm() != 0o600 {
		t.Errorf("owner %d, group %d, mode %o", s.Uid, s.Gid, info.Mode())
	}
}

// TestChangesAtOnce: none is lost.
func TestChangesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := AddUser(path, User{Name: fmt.Sprint("u", i)}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list, err := ListUsers(path); err != nil || len(list) != 20 {
		t.Error(len(list), err)
	}
}
