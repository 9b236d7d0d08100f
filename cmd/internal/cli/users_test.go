package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secrets answers the questions of a terminal in turn.
func secrets(answers ...string) func(context.Context, string) ([]byte, error) {
	return func(_ context.Context, prompt string) ([]byte, error) {
		if len(answers) == 0 {
			return nil, errors.New("unexpected question: " + prompt)
		}
		answer := answers[0]
		answers = answers[1:]
		return []byte(answer), nil
	}
}

func TestUsers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		stdin  string
		answer []string
		want   result
	}{
		{"add DIR/users alice --superuser", "", []string{"one", "one"}, result{0, "Added alice to DIR/users.\n", ""}},
		{"add DIR/users bob --password-file -", "two\n", nil, result{0, "Added bob to DIR/users.\n", ""}},
		{"add DIR/users carl --password-file DIR/pw --disabled", "", nil, result{0, "Added carl to DIR/users.\n", ""}},
		{"add DIR/users robot --no-password", "", nil, result{0, "Added robot to DIR/users.\n", ""}},
		{"add DIR/users bob --no-password", "", nil, result{1, "", "\"bob\": there is such a user already\n"}},
		{"passwd DIR/users bob", "", []string{"three", "four"}, result{1, "", "the two passwords differ: nothing was changed\n"}},
		{"passwd DIR/users bob", "", []string{"three", "three"}, result{0, "Changed the password of bob in DIR/users.\n", ""}},
		{"remove DIR/users carl", "", nil, result{0, "Removed carl from DIR/users.\n", ""}},
		{"remove DIR/users carl", "", nil, result{1, "", "\"carl\": there is no such user\n"}},
		{"list DIR/users", "", nil, result{0, "Name   Password  Superuser  Disabled\nalice  argon2id  yes        -\nbob    argon2id  -          -\nrobot  none      -          -\n", ""}},
		{"list DIR/none", "", nil, result{1, "", "DIR/none: no such file or directory\n"}},
		{"passwd DIR/users bob --password-file -", "a\nb\n", nil, result{1, "", "the password has more than one line\n"}},
		{"passwd DIR/users bob --password-file -", "\n", nil, result{1, "", "expected a password of 1 to 1024 bytes\n"}},
		{"passwd DIR/users bob --password-file -", strings.Repeat("x", 5000), nil, result{1, "", "expected a password of 1 to 1024 bytes\n"}},
		{"passwd DIR/users bob --password-file DIR/none", "", nil, result{1, "", "cannot read the password: open DIR/none: no such file or directory\n"}},
	} {
		inv := Invocation{Args: append([]string{"users"}, fill(dir, strings.Fields(c.args))...), Stdin: strings.NewReader(c.stdin)}
		if c.answer != nil {
			inv.Secret = secrets(c.answer...)
		}
		c.want.Stdout, c.want.Stderr = strings.ReplaceAll(c.want.Stdout, "DIR", dir), strings.ReplaceAll(c.want.Stderr, "DIR", dir)
		check(t, c.args, c.want, call(t, inv))
	}
	got := run(t, dir, "users", "list", "DIR/users", "--json")
	want := "{\n  \"users\": [\n    {\n      \"name\": \"alice\",\n      \"password\": \"argon2id\",\n      \"superuser\": true,\n      \"disabled\": false\n    },\n"
	if got.Status != 0 || !strings.HasPrefix(got.Stdout, want) {
		t.Errorf("%+v", got)
	}
}

func TestUsersUsage(t *testing.T) {
	for args, want := range map[string]string{
		"add FILE":           "muster users add: wrong number of arguments, 1; usage: muster users add FILE NAME [flags]",
		"add FILE NAME word": "muster users add: wrong number of arguments, 3; usage: muster users add FILE NAME [flags]",
		"add FILE NAME":      "muster users add: standard input is no terminal: give --password-file FILE, or --password-file - to read it from standard input",
		"passwd FILE NAME":   "muster users passwd: standard input is no terminal: give --password-file FILE, or --password-file - to read it from standard input",
		"add FILE NAME --no-password --password-file -": "--no-password and --password-file: give one of them",
		"delete FILE NAME": "muster users: unknown command \"delete\"; there are: add, list, passwd, remove",
	} {
		check(t, args, result{2, "", want + "\n"}, run(t, "", append([]string{"users"}, strings.Fields(args)...)...))
	}
	if got := call(t, Invocation{Args: []string{"users", "add", "FILE", "NAME"}, Secret: secrets()}); got.Status != 1 || !strings.Contains(got.Stderr, "unexpected question: Password:") {
		t.Errorf("%+v", got)
	}
}

func TestNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if Terminal(f, os.Stderr) != nil {
		t.Error("the null device is a terminal")
	}
}
